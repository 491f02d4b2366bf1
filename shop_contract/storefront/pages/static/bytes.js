// Bytes and how they are written: hex, UTF-8, big-endian numbers.

export function fromHex(text) {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (digits.length % 2 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new Error("not bytes in hexadecimal digits");
  }
  const pairs = digits.match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

export function toHex(bytes) {
  return "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export const utf8 = (text) => new TextEncoder().encode(text);

export const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

// A BigInt as the shortest big-endian bytes; 0 is no bytes at all.
export function minimalBytes(number) {
  if (number === 0n) return new Uint8Array();
  const digits = number.toString(16);
  return fromHex(digits.length % 2 ? "0" + digits : digits);
}

export function randomBytes(count) {
  return crypto.getRandomValues(new Uint8Array(count));
}

export const equal = (left, right) => toHex(left) === toHex(right);
