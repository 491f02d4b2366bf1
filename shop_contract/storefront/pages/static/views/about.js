// Which world this is, when an order is final, whom one trusts, what erasing means.

import { h } from "../dom.js";

export async function aboutView(app) {
  const parts = app.world.kind === "chain" ? chainWords(app) : centralWords(app);
  return [
    h("h1", {}, "About this shop"),
    parts.map(([title, ...texts]) =>
      h(
        "section",
        { class: "panel" },
        h("h2", {}, title),
        texts.map((text) => h("p", {}, text)),
      ),
    ),
  ];
}

function chainWords({ world: { config } }) {
  return [
    [
      "Where you are",
      `This page talks to a node of chain ${config.chain_id}, the one that served it. The shop is the contract at ${config.shop.address}.`,
    ],
    [
      "When an order is final",
      "When it is in a block, usually within a second: blocks here are signed by more than two thirds of the validators before anybody sees them, and none is ever taken back. On a development chain one program makes the blocks, and nobody vouches for them.",
    ],
    [
      "Whom you trust",
      "The contract holds your money until you or the courier confirm the delivery. If the shop misses a deadline you take the money back without asking. You trust that fewer than a third of the validators lie. A courier appointed by the shop can confirm a delivery that never came: against that the contract does not help.",
    ],
    [
      "What erasing means",
      "Nothing on a chain is ever deleted. Your address is sealed in this page for the shop's key, and only the sealed envelope goes on the chain. Erasing means making it unreadable: the shop destroys the key of a period, and every envelope sealed for it is noise from then on. That you ordered, what, when, and from which account stays public for ever.",
    ],
  ];
}

function centralWords({ world: { config } }) {
  return [
    [
      "Where you are",
      `This page talks to the shop's own servers (rung “${config.rung}”). The shop keeps accounts, orders and money.`,
    ],
    ["When an order is final", `When the server acknowledges it. ${config.durability}`],
    [
      "Whom you trust",
      "The shop, wholly: it can change its database. Its rules are the same as on the chain, but nobody else enforces them.",
    ],
    [
      "What erasing means",
      "Your address is sealed in this page for the shop's key; its database and backups hold only the sealed envelope. The shop can delete your row, and with it the envelope; copies in backups end with the backups, or become unreadable when the key is destroyed.",
    ],
  ];
}
