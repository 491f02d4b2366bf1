// Transactions that wait for a block.

import { decodeCall } from "../abi.js";
import { h, table } from "../dom.js";
import { one } from "../rpc.js";
import { addressLink, amount, gwei, number, transactionLink } from "../show.js";
import { what } from "./block.js";

const SHOWN = 200;

export async function pool() {
  const content = await one("txpool_content");
  const list = (groups) => Object.values(groups).flatMap((byNonce) => Object.values(byNonce));
  const executable = list(content.pending);
  const queued = list(content.queued);
  return [
    h("h1", { tabindex: "-1" }, "Pool"),
    part("Next to be in a block", executable),
    part("Waiting for an earlier nonce", queued),
  ];
}

function part(title, found) {
  const head = h("h2", {}, `${title} (${number(found.length)})`);
  if (!found.length) return [head, h("p", {}, "None.")];
  const rows = found.slice(0, SHOWN).map((tx) => [
    transactionLink(tx.hash),
    what(tx, decodeCall(tx.input)),
    addressLink(tx.from),
    number(tx.nonce),
    amount(tx.value),
    gwei(tx.maxFeePerGas ?? tx.gasPrice),
  ]);
  const columns = [["Hash"], ["What"], ["From"], ["Nonce", "number"], ["Value", "number"], ["Most for gas", "number"]];
  const rest = found.length > SHOWN ? h("p", {}, `The first ${SHOWN} are shown.`) : null;
  return [head, table(columns, rows, title), rest];
}
