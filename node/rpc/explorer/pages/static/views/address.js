// One account as it is now.

import { bytes, facts, h } from "../dom.js";
import { ask } from "../rpc.js";
import { amount, code, number } from "../show.js";

export async function address(at) {
  const [balance, nonce, runtime] = await ask([
    ["eth_getBalance", at, "latest"],
    ["eth_getTransactionCount", at, "latest"],
    ["eth_getCode", at, "latest"],
  ]);
  const size = runtime.length / 2 - 1;
  return [
    h("h1", { tabindex: "-1" }, size ? "Contract" : "Account"),
    facts([
      ["Address", code(at)],
      ["Balance", amount(balance)],
      [size ? "Contracts made" : "Transactions sent", number(nonce)],
      ["Code", size ? `${number(size)} bytes` : "none"],
    ]),
    size ? [h("h2", {}, "Code"), bytes(runtime, "Code")] : null,
  ];
}
