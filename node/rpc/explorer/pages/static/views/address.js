// One account as it is now.

import { facts, h } from "../dom.js";
import { ask } from "../rpc.js";
import { amount, code, number } from "../show.js";

export async function address(at) {
  const [balance, nonce, runtime] = await ask([
    ["eth_getBalance", at, "latest"],
    ["eth_getTransactionCount", at, "latest"],
    ["eth_getCode", at, "latest"],
  ]);
  const bytes = runtime.length / 2 - 1;
  return [
    h("h1", { tabindex: "-1" }, bytes ? "Contract" : "Account"),
    facts([
      ["Address", code(at)],
      ["Balance", amount(balance)],
      [bytes ? "Contracts made" : "Transactions sent", number(nonce)],
      ["Code", bytes ? `${number(bytes)} bytes` : "none"],
    ]),
    bytes ? [h("h2", {}, "Code"), h("p", {}, code(runtime))] : null,
  ];
}
