// One block: its header, its transactions, who signed it.

import { decodeCall } from "../abi.js";
import { facts, h, table } from "../dom.js";
import { ask, one, Refused } from "../rpc.js";
import { addressLink, amount, code, gwei, moment, number, transactionLink } from "../show.js";

export async function block(wanted) {
  const isHash = wanted.startsWith("0x") && wanted.length === 66;
  const found = isHash
    ? await one("eth_getBlockByHash", wanted, true)
    : await one("eth_getBlockByNumber", `0x${BigInt(wanted).toString(16)}`, true);
  if (!found) throw new Refused(`There is no block ${wanted} (yet).`);
  const [certificate, receipts, head] = await ask([
    ["qbft_getCommitCertificate", found.number],
    ["eth_getBlockReceipts", found.number],
    ["eth_blockNumber"],
  ]);
  const at = Number(found.number);
  return [
    h("h1", { tabindex: "-1" }, `Block ${number(found.number)}`),
    h(
      "p",
      { class: "steps" },
      at > 0 ? h("a", { href: `#block/${at - 1}` }, "← Block before") : h("span"),
      at < Number(head) ? h("a", { href: `#block/${at + 1}` }, "Block after →") : h("span"),
    ),
    facts([
      ["Hash", code(found.hash)],
      ["Time", moment(found.timestamp)],
      ["Proposer", addressLink(found.miner, true)],
      ["Gas used", `${number(found.gasUsed)} of ${number(found.gasLimit)}`],
      ["Base fee", gwei(found.baseFeePerGas)],
      ["Parent", at > 0 ? h("a", { href: `#block/${at - 1}` }, code(found.parentHash)) : null],
      ["State root", code(found.stateRoot)],
      ["Size", `${number(found.size)} bytes`],
    ]),
    h("h2", {}, "Signed by"),
    certificate ? signers(certificate) : h("p", {}, "Genesis is signed by nobody: it is where everyone begins."),
    h("h2", {}, `Transactions (${found.transactions.length})`),
    found.transactions.length
      ? table(
          [["Hash"], ["What"], ["From", "spare"], ["To"], ["Value", "number"], ["Outcome"]],
          found.transactions.map((tx, position) => row(tx, receipts?.[position])),
          "Transactions of the block",
        )
      : h("p", {}, "None."),
  ];
}

function signers(certificate) {
  return facts([
    ["Round", number(certificate.round)],
    [
      `Seals (${certificate.seals.length})`,
      (certificate.signers ?? []).map((address) => h("div", {}, addressLink(address, true))),
    ],
  ]);
}

function row(tx, receipt) {
  const call = decodeCall(tx.input);
  const failed = receipt && receipt.status === "0x0";
  return [
    transactionLink(tx.hash),
    what(tx, call),
    addressLink(tx.from),
    addressLink(tx.to ?? receipt?.contractAddress),
    amount(tx.value),
    h("span", { class: failed ? "bad" : "good" }, failed ? "failed" : "done"),
  ];
}

export function what(tx, call) {
  if (call) return `${call.contract}: ${call.name}`;
  if (!tx.to) return "creates a contract";
  return tx.input === "0x" ? "transfer" : code(tx.input.slice(0, 10));
}
