// Decoding of calls and events with the interfaces that packages publish.
// An interface: { functions: { selector: { name, inputs } }, events: { topic: ... } },
// an input: { name, type, indexed } with types as in signatures, "(uint256,bytes)[]".

const WORD = 32;
const SIGN = 1n << 255n;
const MAX_ITEMS = 1_000;

let known = { contracts: {} };

export async function loadInterfaces() {
  const response = await fetch("static/interfaces.json");
  if (response.ok) known = { contracts: await response.json() };
}

const lookUp = (kind, key) => {
  for (const [contract, found] of Object.entries(known.contracts)) {
    if (found[kind][key]) return { contract, ...found[kind][key] };
  }
  return null;
};

// { contract, name, values: [[name, value], ...] }, null for an unknown call.
export function decodeCall(input) {
  const entry = lookUp("functions", input.slice(0, 10));
  if (!entry) return null;
  try {
    const values = decodeTuple(entry.inputs.map(({ type }) => type), bytesOf(input.slice(10)), 0);
    return { ...entry, values: entry.inputs.map(({ name }, at) => [name, values[at]]) };
  } catch {
    return null; // the call data only begins like one of ours
  }
}

export function decodeEvent(log) {
  const entry = lookUp("events", log.topics[0]);
  if (!entry) return null;
  try {
    const plain = entry.inputs.filter(({ indexed }) => !indexed);
    const found = decodeTuple(plain.map(({ type }) => type), bytesOf(log.data.slice(2)), 0);
    let topic = 0;
    const values = entry.inputs.map(({ name, type, indexed }) => {
      if (!indexed) return [name, found.shift()];
      topic += 1;
      return [name, isDynamic(type) ? log.topics[topic] : decodeOne(type, bytesOf(log.topics[topic].slice(2)), 0)];
    });
    return { ...entry, values };
  } catch {
    return null;
  }
}

function bytesOf(hex) {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

const hexOf = (bytes) => `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

function decodeTuple(types, data, base) {
  let at = base;
  return types.map((type) => {
    const here = at;
    at += headSize(type);
    return decodeOne(type, data, isDynamic(type) ? base + Number(numberAt(data, here)) : here);
  });
}

function decodeOne(type, data, at) {
  if (type.endsWith("[]")) {
    const count = Number(numberAt(data, at));
    if (count > MAX_ITEMS) throw new Error("too many items");
    return decodeTuple(Array(count).fill(type.slice(0, -2)), data, at + WORD);
  }
  if (type.endsWith("]")) throw new Error("arrays of a fixed length are not decoded");
  if (type.startsWith("(")) return decodeTuple(split(type.slice(1, -1)), data, at);
  if (type === "bytes" || type === "string") {
    const length = Number(numberAt(data, at));
    const bytes = data.slice(at + WORD, at + WORD + length);
    if (bytes.length !== length) throw new Error("cut short");
    return type === "string" ? new TextDecoder().decode(bytes) : hexOf(bytes);
  }
  const value = numberAt(data, at);
  if (type === "address") return hexOf(data.slice(at + 12, at + WORD));
  if (type === "bool") return value !== 0n;
  if (type.startsWith("bytes")) return hexOf(data.slice(at, at + Number(type.slice(5))));
  return type.startsWith("int") && value >= SIGN ? value - 2n * SIGN : value;
}

function numberAt(data, at) {
  const bytes = data.slice(at, at + WORD);
  if (bytes.length !== WORD) throw new Error("cut short");
  return BigInt(hexOf(bytes));
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
