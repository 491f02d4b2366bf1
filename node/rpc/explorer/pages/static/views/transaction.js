// One transaction: decoded call and events, outcome, and why it failed.

import { decodeCall, decodeEvent } from "../abi.js";
import { bytes, facts, h } from "../dom.js";
import { ask, one, Refused } from "../rpc.js";
import { addressLink, amount, blockLink, code, gwei, number } from "../show.js";
import { what } from "./block.js";

const ERROR_SELECTOR = "0x08c379a0";
const PANIC_SELECTOR = "0x4e487b71";

export async function transaction(hash) {
  const [tx, receipt] = await ask([
    ["eth_getTransactionByHash", hash],
    ["eth_getTransactionReceipt", hash],
  ]);
  if (!tx) throw new Refused(`The node knows no transaction ${hash}.`);
  const call = decodeCall(tx.input);
  const failed = receipt?.status === "0x0";
  return [
    h("h1", { tabindex: "-1" }, "Transaction"),
    facts([
      ["Hash", code(tx.hash)],
      ["Outcome", outcome(receipt)],
      ["Why", failed ? await reason(hash) : null],
      ["What", what(tx, call)],
      ["Block", receipt ? blockLink(receipt.blockNumber) : null],
      ["From", addressLink(tx.from, true)],
      ["To", tx.to ? addressLink(tx.to, true) : null],
      ["Creates", receipt?.contractAddress ? addressLink(receipt.contractAddress, true) : null],
      ["Value", amount(tx.value)],
      ["Nonce", number(tx.nonce)],
      ["Gas", receipt ? `${number(receipt.gasUsed)} of ${number(tx.gas)}` : number(tx.gas)],
      ["Gas price", gwei(receipt?.effectiveGasPrice ?? tx.gasPrice)],
      ["Fee", receipt ? amount(BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice)) : null],
    ]),
    call ? [h("h2", {}, `Call: ${call.contract}.${call.name}`), values(call.values)] : raw(tx.input),
    receipt?.logs.length ? [h("h2", {}, `Events (${receipt.logs.length})`), receipt.logs.map(event)] : null,
  ];
}

function outcome(receipt) {
  if (!receipt) return "waiting in the pool";
  const failed = receipt.status === "0x0";
  return h("span", { class: failed ? "bad" : "good" }, failed ? "failed" : "done, final");
}

async function reason(hash) {
  try {
    const options = { tracer: "callTracer", tracerConfig: { onlyTopCall: true } };
    const trace = await one("debug_traceTransaction", hash, options);
    if (trace.output?.startsWith(PANIC_SELECTOR)) return `panic code 0x${BigInt(`0x${trace.output.slice(10)}`).toString(16)}`;
    if (!trace.output?.startsWith(ERROR_SELECTOR)) return trace.error;
    const text = trace.output.slice(10);
    const length = Number(BigInt(`0x${text.slice(64, 128)}`));
    const letters = text.slice(128, 128 + 2 * length).match(/../g) ?? [];
    return new TextDecoder().decode(Uint8Array.from(letters, (byte) => parseInt(byte, 16)));
  } catch (error) {
    if (error instanceof Refused) return `unknown: ${error.message}`;
    throw error;
  }
}

function event(log) {
  const found = decodeEvent(log);
  const head = h("p", {}, found ? `${found.contract}: ${found.name} at ` : "An event of ", addressLink(log.address));
  const plain = [...log.topics.map((topic, at) => [`topic ${at}`, code(topic)]), ["data", code(log.data)]];
  return [head, found ? values(found.values) : facts(plain)];
}

const values = (pairs) => facts(pairs.map(([name, value]) => [name, shown(value)]));

function shown(value) {
  if (Array.isArray(value)) return value.length ? h("ol", {}, value.map((item) => h("li", {}, shown(item)))) : "none";
  if (typeof value === "string" && value.length === 42 && value.startsWith("0x")) return addressLink(value, true);
  return typeof value === "bigint" ? value.toLocaleString("en") : code(String(value));
}

const raw = (input) => (input === "0x" ? null : [h("h2", {}, "Data"), bytes(input, "Data")]);
