// The shop's contract as functions: calls, transactions, logs.
//
// A transaction is first tried on the node (which names the reason of a refusal), then
// signed and sent, then awaited until a block holds it. That block is final.

import { fromHex, toHex, utf8 } from "../bytes.js";
import { keccak_256 } from "../vendor/sha3.js";
import { decode, encodeCall } from "./abi.js";
import { NoAnswer, Refused } from "./rpc.js";

const ORDER =
  "(address,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,bytes32)";

// Signature and result of each function; a test compares them with the artifact's ABI.
const FUNCTIONS = {
  "place(uint256,uint256,uint256,uint256,uint256,bytes32,bytes)": "uint256",
  "cancel(uint256)": "",
  "deliver(uint256)": "",
  "expire(uint256)": "",
  "redirect(uint256,bytes)": "",
  "set_profile(bytes)": "",
  "withdraw()": "uint256",
  "mould(uint256)": "",
  "ship(uint256)": "",
  "refund(uint256)": "",
  "release(uint256)": "",
  "set_prices((uint256,uint256,uint256,uint256)[])": "",
  "adjust_stock((uint256,uint256,uint256,int256)[])": "",
  "set_paused(bool)": "",
  "set_delivery_key(bytes)": "",
  "order(uint256)": ORDER,
  "orders(uint256,uint256)": `${ORDER}[]`,
  "order_count()": "uint256",
  "order_of(address,bytes32)": "uint256",
  "shelf(uint256)": "(uint256,uint256)[]",
  "catalogue()": "(uint256,bool,string[],string[],string[])",
  "owner()": "address",
  "is_moulder(address)": "bool",
  "is_courier(address)": "bool",
  "delivery_key()": "bytes",
  "profile(address)": "bytes32",
  "owed(address)": "uint256",
};

export const EVENTS = {
  OrderPlaced:
    "OrderPlaced(uint256,address,bytes32,uint256,uint256,uint256,uint256,uint256,uint256,uint256)",
  OrderMoved: "OrderMoved(uint256,uint256,address,uint256)",
  OrderDelivery: "OrderDelivery(uint256,address,bytes32,bytes)",
  ProfileChanged: "ProfileChanged(address,bytes32,bytes)",
};

const byName = new Map(Object.keys(FUNCTIONS).map((s) => [s.slice(0, s.indexOf("(")), s]));
const POLL_MS = 300;
const PATIENCE_MS = 60_000;
const BLOCKS_A_QUERY = 1_000; // what a node answers at most
const QUERIES_A_BATCH = 10;

export const topicOf = (event) => toHex(keccak_256(utf8(EVENTS[event])));

export const wordOf = (value) => "0x" + BigInt(value).toString(16).padStart(64, "0");

export class Contract {
  // `firstBlock`: where looking back for logs may end.
  constructor(rpc, address, firstBlock = 0) {
    this.rpc = rpc;
    this.address = address;
    this.firstBlock = firstBlock;
  }

  async read(name, ...values) {
    const [found] = await this.readAll([[name, ...values]]);
    return found;
  }

  // Several reads in one request, of the same block or of two neighbours.
  async readAll(reads) {
    const calls = reads.map(([name, ...values]) => {
      const data = toHex(encodeCall(byName.get(name), values));
      return ["eth_call", { to: this.address, data }, "latest"];
    });
    const results = await this.rpc.batch(calls);
    return results.map((data, at) => {
      const types = [FUNCTIONS[byName.get(reads[at][0])]].filter(Boolean);
      return decode(types, fromHex(data))[0];
    });
  }

  // The receipt of a transaction that is in a block. Throws Refused with the reason.
  async transact(signer, name, values, value = 0n) {
    const data = encodeCall(byName.get(name), values);
    const request = {
      from: signer.address,
      to: this.address,
      data: toHex(data),
      value: "0x" + value.toString(16),
    };
    const estimate = BigInt(await this.rpc.call("eth_estimateGas", request));
    const gas = (estimate * 5n) / 4n;
    const hash = await signer.send({ to: this.address, data, value, gas });
    const receipt = await this.#awaitReceipt(hash);
    if (receipt.status !== "0x1") throw await this.#whyItFailed(request, receipt);
    return receipt;
  }

  async #awaitReceipt(hash) {
    const until = Date.now() + PATIENCE_MS;
    while (Date.now() < until) {
      const receipt = await this.rpc.call("eth_getTransactionReceipt", hash);
      if (receipt) return receipt;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new NoAnswer(`transaction ${hash} is in no block yet`);
  }

  async #whyItFailed(request, receipt) {
    try {
      const before = "0x" + (BigInt(receipt.blockNumber) - 1n).toString(16);
      await this.rpc.call("eth_call", request, before);
    } catch (error) {
      if (error instanceof Refused) return error;
    }
    return new Refused("the transaction failed in its block");
  }

  // Logs from the newest block backwards, oldest first, until `enough(logs)`.
  async logsBack(topics, enough) {
    let to = Number(await this.rpc.call("eth_blockNumber"));
    let found = [];
    while (to >= this.firstBlock && !enough(found)) {
      const queries = [];
      for (let n = 0; n < QUERIES_A_BATCH && to >= this.firstBlock; n += 1) {
        const from = Math.max(this.firstBlock, to - BLOCKS_A_QUERY + 1);
        const range = {
          fromBlock: "0x" + from.toString(16),
          toBlock: "0x" + to.toString(16),
        };
        queries.push(["eth_getLogs", { address: this.address, topics, ...range }]);
        to = from - 1;
      }
      const pages = await this.rpc.batch(queries);
      found = [...pages.reverse().flat(), ...found];
    }
    return found;
  }

  async timesOf(blockNumbers) {
    const unique = [...new Set(blockNumbers)];
    const calls = unique.map((number) => ["eth_getBlockByNumber", number, false]);
    const blocks = unique.length ? await this.rpc.batch(calls) : [];
    return new Map(unique.map((number, at) => [number, Number(blocks[at].timestamp)]));
  }
}
