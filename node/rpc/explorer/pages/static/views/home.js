// The newest blocks, and what the chain does now.

import { h, table } from "../dom.js";
import { ask } from "../rpc.js";
import { addressLink, blockLink, gwei, moment, number, short, code } from "../show.js";

const SHOWN = 20;

async function newestBlocks(head) {
  const last = Math.max(0, head - SHOWN + 1);
  const numbers = Array.from({ length: head - last + 1 }, (_, at) => head - at);
  return ask(numbers.map((at) => ["eth_getBlockByNumber", `0x${at.toString(16)}`, false]));
}

const share = (block) => Math.round((100 * Number(block.gasUsed)) / Math.max(Number(block.gasLimit), 1));

export async function home() {
  const [head, status, pool] = await ask([["eth_blockNumber"], ["qbft_status"], ["txpool_status"]]);
  const blocks = (await newestBlocks(Number(head))).filter((block) => block !== null);
  const newest = blocks[0];
  const transactions = blocks.reduce((sum, block) => sum + block.transactions.length, 0);
  const tile = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return [
    h("h1", { tabindex: "-1" }, "Blocks"),
    h(
      "dl",
      { class: "tiles" },
      tile("Height", number(head)),
      tile("Base fee", newest ? gwei(newest.baseFeePerGas) : "–"),
      tile(`Transactions in ${blocks.length} blocks`, number(transactions)),
      tile("Waiting in the pool", number(BigInt(pool.pending) + BigInt(pool.queued))),
      status.consensus ? tile("Round", `${status.consensus.round} of height ${status.consensus.height}`) : null,
      tile("Executor", status.executor),
    ),
    h("h2", {}, "Newest blocks"),
    table(
      [["Block"], ["Time"], ["Transactions", "number"], ["Gas used", "number"], ["Proposer", "spare"], ["Hash", "spare"]],
      blocks.map((block) => [
        blockLink(block.number),
        moment(block.timestamp, true),
        number(block.transactions.length),
        [number(block.gasUsed), h("span", { class: "spare" }, ` (${share(block)}%)`)],
        addressLink(block.miner),
        code(short(block.hash)),
      ]),
      "Newest blocks",
    ),
  ];
}
