// The part of Solidity's ABI that the shop's contract speaks: words, bytes, strings,
// arrays and tuples. Types are written as in signatures: "(uint256,int256)[]".

import { concat, fromHex, minimalBytes, textOf, toHex, utf8 } from "../bytes.js";
import { keccak_256 } from "../vendor/sha3.js";

const WORD = 32;
const SIGN = 1n << 255n;

export const selector = (signature) => keccak_256(utf8(signature)).slice(0, 4);

// "place(uint256,bytes)" and its values as call data.
export function encodeCall(signature, values) {
  return concat(selector(signature), encodeTuple(argumentTypes(signature), values));
}

export function argumentTypes(signature) {
  return split(signature.slice(signature.indexOf("(") + 1, -1));
}

// The values of some types, in their order: numbers as BigInt, bytes as Uint8Array.
export function decode(types, data) {
  return decodeTuple(types, data, 0);
}

function encodeTuple(types, values) {
  const heads = [];
  const tails = [];
  let offset = types.reduce((sum, type) => sum + headSize(type), 0);
  types.forEach((type, at) => {
    const encoded = encodeOne(type, values[at]);
    if (!isDynamic(type)) {
      heads.push(encoded);
      return;
    }
    heads.push(word(BigInt(offset)));
    tails.push(encoded);
    offset += encoded.length;
  });
  return concat(...heads, ...tails);
}

function encodeOne(type, value) {
  if (type.endsWith("[]")) {
    const inner = value.map(() => type.slice(0, -2));
    return concat(word(BigInt(value.length)), encodeTuple(inner, value));
  }
  if (type.startsWith("(")) return encodeTuple(split(type.slice(1, -1)), value);
  if (type === "bytes" || type === "string") {
    const data = type === "string" ? utf8(value) : value;
    const padding = new Uint8Array((WORD - (data.length % WORD)) % WORD);
    return concat(word(BigInt(data.length)), data, padding);
  }
  if (type === "bytes32") return value;
  if (type === "address") return concat(new Uint8Array(12), fromHex(value));
  if (type === "bool") return word(value ? 1n : 0n);
  return word(BigInt.asUintN(256, BigInt(value)));
}

function decodeTuple(types, data, base) {
  let at = base;
  return types.map((type) => {
    const here = at;
    at += headSize(type);
    const place = isDynamic(type) ? base + Number(numberAt(data, here)) : here;
    return decodeOne(type, data, place);
  });
}

function decodeOne(type, data, at) {
  if (type.endsWith("[]")) {
    const inner = type.slice(0, -2);
    const count = Number(numberAt(data, at));
    if (count > data.length / WORD) throw new Error("the answer is cut short");
    return decodeTuple(Array(count).fill(inner), data, at + WORD);
  }
  if (type.startsWith("(")) return decodeTuple(split(type.slice(1, -1)), data, at);
  if (type === "bytes" || type === "string") {
    const length = Number(numberAt(data, at));
    const bytes = data.slice(at + WORD, at + WORD + length);
    if (bytes.length !== length) throw new Error("the answer is cut short");
    return type === "string" ? textOf(bytes) : bytes;
  }
  const number = numberAt(data, at);
  if (type === "bytes32") return data.slice(at, at + WORD);
  if (type === "address") return toHex(data.slice(at + 12, at + WORD));
  if (type === "bool") return number !== 0n;
  return type.startsWith("int") && number >= SIGN ? number - 2n * SIGN : number;
}

function numberAt(data, at) {
  const bytes = data.slice(at, at + WORD);
  if (bytes.length !== WORD) throw new Error("the answer is cut short");
  return BigInt(toHex(bytes));
}

function word(number) {
  const bytes = minimalBytes(number);
  return concat(new Uint8Array(WORD - bytes.length), bytes);
}

const headSize = (type) =>
  isDynamic(type) || !type.startsWith("(")
    ? WORD
    : split(type.slice(1, -1)).reduce((sum, inner) => sum + headSize(inner), 0);

const isDynamic = (type) =>
  type.endsWith("[]") ||
  type === "bytes" ||
  type === "string" ||
  (type.startsWith("(") && split(type.slice(1, -1)).some(isDynamic));

// Types at the top level of a list: commas inside parentheses do not part them.
function split(list) {
  const found = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= list.length; at += 1) {
    if (list[at] === "(") depth += 1;
    else if (list[at] === ")") depth -= 1;
    else if (at === list.length || (list[at] === "," && depth === 0)) {
      if (at > from) found.push(list.slice(from, at));
      from = at + 1;
    }
  }
  return found;
}
