// The owner's board, also for moulder and courier: queues, stock, prices, addresses.

import { h, field } from "../dom.js";
import { allowedActions } from "../actions.js";
import { equal } from "../bytes.js";
import { openingKey } from "../delivery.js";
import { parsed, plain } from "../money.js";
import { actionButton, moreButton, orderCard, signInFirst } from "./orders.js";
import { button } from "./account.js";
import { find } from "./design.js";

const QUEUES = [
  ["paid", "To mould"],
  ["moulding", "To ship"],
  ["shipped", "On the way"],
];
const STAFF_ACTIONS = ["mould", "ship", "deliver", "refund", "release", "expire"];
const pages = { paid: 1, moulding: 1, shipped: 1 }; // of each queue that are shown
let shelf = 0; // the shape whose stock and prices are shown
let key = null; // the shop's private delivery key, in this tab's memory only

export async function boardView(app) {
  const account = await app.world.account();
  const title = h("h1", {}, "The shop's board");
  if (!account) return [title, signInFirst()];
  if (!account.roles.length) {
    return [
      title,
      h("p", { class: "notice" }, "This is for the owner, the moulder and the courier."),
    ];
  }
  const catalogue = await app.world.catalogue();
  const now = await app.world.now();
  const queues = [];
  for (const [status, name] of QUEUES) {
    const found = await app.world.board(status, pages[status]);
    queues.push(queue(app, { catalogue, account, now, status, name, ...found }));
  }
  const isOwner = account.roles.includes("owner");
  return [
    title,
    h("div", { class: "queues" }, queues),
    await keyPart(app, isOwner),
    isOwner ? pausePart(app, catalogue) : null,
    isOwner ? shelfPart(app, catalogue) : null,
  ];
}

function queue(app, { catalogue, account, now, status, name, orders, more }) {
  const items = orders.map((order) => {
    const allowed = allowedActions(order, account, now);
    const buttons = STAFF_ACTIONS.filter((action) => allowed.includes(action)).map(
      (action) => actionButton(app, order, action),
    );
    const place = h("p", { class: "address", "data-address": order.id });
    if (key) buttons.push(addressButton(app, order, place));
    return orderCard(app, catalogue, order, h("div", { class: "buttons" }, buttons), place);
  });
  const id = `queue-${name.toLowerCase().replaceAll(" ", "-")}`;
  return h(
    "section",
    { "aria-labelledby": id },
    h("h2", { id }, `${name} (${orders.length}${more ? " or more" : ""})`),
    items.length
      ? h("ul", { class: "cards" }, items)
      : h("p", { class: "hint" }, "Nothing."),
    more
      ? moreButton(app, `more-${status}`, "Show more", () => (pages[status] += 1))
      : null,
  );
}

function addressButton(app, order, place) {
  const show = button("Show the address", `address-${order.id}`, "quiet");
  show.addEventListener("click", () =>
    app.attempt(show, async () => {
      place.textContent = await app.world.addressOf(order, key);
    }),
  );
  return show;
}

async function keyPart(app, isOwner) {
  const published = await app.world.deliveryKey();
  const file = h("input", { type: "file", id: "delivery-key", accept: ".pem" });
  file.addEventListener("change", () =>
    app.attempt(file, async () => {
      key = await openingKey(await file.files[0].text());
      await app.done("The key is in this tab's memory until it is closed.");
    }),
  );
  const isOurs = key && equal(key.publicBytes, published);
  const publish = button("Publish this key for new addresses", "publish-key", "quiet");
  publish.addEventListener("click", () =>
    app.attempt(publish, async () => {
      const done = await app.world.publishDeliveryKey(key.publicBytes);
      await app.done(`New addresses are sealed for this key. ${done.sentence}`);
    }),
  );
  const state = !published.length
    ? "No key is published: customers cannot seal their addresses."
    : isOurs
      ? "The key opens what customers seal now."
      : key
        ? "This is not the key that customers seal for now; it opens what was sealed for it."
        : "Choose the shop's private key to read addresses. It never leaves this tab.";
  const canPublish = isOwner && key && !isOurs && app.world.publishDeliveryKey;
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "Delivery addresses"),
    h("p", { id: "key-state" }, state),
    field("Private key file (PEM)", file),
    canPublish ? publish : null,
  );
}

function pausePart(app, catalogue) {
  const toggle = button(
    catalogue.paused ? "Take orders again" : "Take no new orders",
    "pause",
    "quiet",
  );
  toggle.addEventListener("click", () =>
    app.attempt(toggle, async () => {
      const done = await app.world.setPaused(!catalogue.paused);
      await app.done(
        `${catalogue.paused ? "The shop is open." : "The shop is paused."} ${done.sentence}`,
      );
    }),
  );
  const state = catalogue.paused
    ? "The shop takes no new orders. Everything else goes on."
    : "The shop takes orders.";
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "Open or closed"),
    h("p", { id: "open-state" }, state),
    toggle,
  );
}

function shelfPart(app, catalogue) {
  if (shelf >= catalogue.shapes.length) shelf = 0;
  const select = h(
    "select",
    {
      id: "shelf",
      onchange: () => {
        shelf = Number(select.value);
        app.refresh();
      },
    },
    catalogue.shapes.map((name, at) =>
      h("option", { value: at, selected: at === shelf }, name),
    ),
  );
  const rows = catalogue.sizes.flatMap((size, s) =>
    catalogue.scents.map((scent, c) => {
      const sku = find(catalogue, { shape: shelf, size: s, scent: c });
      const name = `${size}, ${scent}`;
      const price = h("input", {
        value: plain(sku.price),
        inputmode: "decimal",
        "aria-label": `Price, ${name}`,
        id: `price-${s}-${c}`,
      });
      const change = h("input", {
        value: "0",
        inputmode: "numeric",
        "aria-label": `Add to stock, ${name}`,
        id: `stock-${s}-${c}`,
      });
      const row = h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, price),
        h("td", {}, String(sku.stock)),
        h("td", {}, change),
      );
      return { row, sku, price, change };
    }),
  );
  const save = h(
    "button",
    { type: "submit", id: "save-shelf", class: "primary" },
    "Save what has changed",
  );
  const onsubmit = (event) => {
    event.preventDefault();
    app.attempt(save, () => saveShelf(app, rows));
  };
  const head = ["Size and scent", `Price (${app.world.unit})`, "In stock", "Add"].map(
    (name) => h("th", { scope: "col" }, name),
  );
  return h(
    "form",
    { class: "panel", onsubmit },
    h("h2", {}, "Stock and prices"),
    field("Shape", select),
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "Stock and prices" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, head)),
        h(
          "tbody",
          {},
          rows.map(({ row }) => row),
        ),
      ),
    ),
    h(
      "p",
      { class: "hint" },
      "Price 0 ends the sale. A negative number takes candles off the shelf.",
    ),
    save,
  );
}

async function saveShelf(app, rows) {
  const prices = [];
  const stocks = [];
  for (const { sku, price, change } of rows) {
    const { shape, size, scent } = sku;
    const wanted = parsed(price.value);
    if (wanted !== sku.price) prices.push({ shape, size, scent, price: wanted });
    if (!/^[+-]?\d{1,10}$/.test(change.value.trim()))
      throw new Error("stock changes by a whole number");
    const added = Number(change.value);
    if (added) stocks.push({ shape, size, scent, change: added });
  }
  const said = [];
  if (prices.length)
    said.push(`${prices.length} prices. ${(await app.world.setPrices(prices)).sentence}`);
  if (stocks.length)
    said.push(`${stocks.length} stocks. ${(await app.world.adjustStock(stocks)).sentence}`);
  if (said.length) await app.done(`Saved: ${said.join(" ")}`);
  else app.say("Nothing has changed.");
}
