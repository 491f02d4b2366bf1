// A signed EIP-1559 transaction, made in the page with the demo key.

import { concat, minimalBytes, toHex } from "../bytes.js";
import { getPublicKey, signAsync } from "../vendor/noble-secp256k1.js";
import { keccak_256 } from "../vendor/sha3.js";

const TYPE = Uint8Array.of(2);

export function addressOf(secret) {
  return toHex(keccak_256(getPublicKey(secret, false).slice(1)).slice(12));
}

// EIP-55: the letters' case is a checksum.
export function checksummed(address) {
  const digits = address.slice(2).toLowerCase();
  const hash = toHex(keccak_256(new TextEncoder().encode(digits))).slice(2);
  const letters = [...digits].map((digit, at) =>
    parseInt(hash[at], 16) > 7 ? digit.toUpperCase() : digit,
  );
  return "0x" + letters.join("");
}

// Numbers are BigInt, `to` and `data` bytes. The result is raw bytes.
export async function signTransaction(fields, secret) {
  const unsigned = [
    minimalBytes(fields.chainId),
    minimalBytes(fields.nonce),
    minimalBytes(fields.tip),
    minimalBytes(fields.maxFee),
    minimalBytes(fields.gas),
    fields.to,
    minimalBytes(fields.value),
    fields.data,
    [],
  ];
  const digest = keccak_256(concat(TYPE, rlp(unsigned)));
  const options = { prehash: false, format: "recovered" };
  const signature = await signAsync(digest, secret, options);
  const [r, s] = [signature.slice(1, 33), signature.slice(33)];
  const signed = [...unsigned, minimalBytes(BigInt(signature[0])), trimmed(r), trimmed(s)];
  return concat(TYPE, rlp(signed));
}

// Recursive length prefix (yellow paper, appendix B).
export function rlp(item) {
  if (Array.isArray(item)) {
    const payload = concat(...item.map(rlp));
    return concat(prefix(payload.length, 0xc0), payload);
  }
  if (item.length === 1 && item[0] < 0x80) return item;
  return concat(prefix(item.length, 0x80), item);
}

function prefix(length, base) {
  if (length < 56) return Uint8Array.of(base + length);
  const size = minimalBytes(BigInt(length));
  return concat(Uint8Array.of(base + 55 + size.length), size);
}

const trimmed = (bytes) => minimalBytes(BigInt(toHex(bytes)));
