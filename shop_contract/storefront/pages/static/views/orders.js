// The buyer's orders: the list, and one order with its timeline.

import { h, field, time } from "../dom.js";
import { candle, nameOf } from "../candle.js";
import { shown } from "../money.js";
import { allowedActions, stepsAhead } from "../actions.js";
import { ACTIONS, STATUSES, STEPS } from "../words.js";

let pages = 1; // of one's own orders that are shown
const BUYERS_ACTIONS = ["pay", "cancel", "deliver", "expire"];

export async function ordersView(app) {
  const account = await app.world.account();
  const title = h("h1", {}, "My orders");
  if (!account) return [title, signInFirst()];
  const catalogue = await app.world.catalogue();
  const { orders, more } = await app.world.ownOrders(pages);
  if (!orders.length && !more) {
    return [
      title,
      h("p", {}, "No orders yet. ", h("a", { href: "#design" }, "Design a candle"), "."),
    ];
  }
  const items = orders.map((order) => orderCard(app, catalogue, order));
  return [
    title,
    items.length
      ? h("ul", { class: "cards", id: "orders" }, items)
      : h("p", {}, "None of the newest orders of this shop is yours."),
    more ? moreButton(app, "more", "Show older orders", () => (pages += 1)) : null,
  ];
}

// The end of a list that goes on: shows it again with one page more.
export function moreButton(app, id, text, turn) {
  const button = h("button", { type: "button", class: "quiet", id }, text);
  button.addEventListener("click", () =>
    app.attempt(button, () => {
      turn();
      return app.refresh();
    }),
  );
  return h("p", {}, button);
}

export function orderCard(app, catalogue, order, ...more) {
  return h(
    "li",
    { class: `card ${order.status}`, "data-order": order.id },
    candle(catalogue, order.design, { label: false, lit: false }),
    h(
      "div",
      {},
      h("h2", {}, h("a", { href: `#order/${order.id}` }, `Order ${order.id}`)),
      h(
        "p",
        {},
        `${order.quantity} × ${nameOf(catalogue, order.design)}, ${shown(order.total, app.world.unit)}`,
      ),
      h("p", { class: "badge" }, STATUSES[order.status]),
      ...more,
    ),
  );
}

export async function orderView(app, id) {
  const [catalogue, order, account] = [
    await app.world.catalogue(),
    await app.world.order(id),
    await app.world.account(),
  ];
  if (!order) return [h("h1", {}, `Order ${id}`), h("p", {}, "There is no such order.")];
  const allowed = allowedActions(order, account, await app.world.now());
  const buttons = BUYERS_ACTIONS.filter((action) => allowed.includes(action)).map(
    (action) => actionButton(app, order, action),
  );
  const facts = [
    ["Candle", `${order.quantity} × ${nameOf(catalogue, order.design)}`],
    [
      "Price",
      `${shown(order.unitPrice, app.world.unit)} each, ${shown(order.total, app.world.unit)} in all`,
    ],
    ["Status", STATUSES[order.status]],
  ];
  if (order.deadline) facts.push(["Next step due", time(order.deadline)]);
  return [
    h("h1", {}, `Order ${order.id}`),
    h(
      "div",
      { class: "order" },
      candle(catalogue, order.design),
      h(
        "dl",
        { class: "facts", id: "facts" },
        facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
      ),
    ),
    h("h2", {}, "Where it is"),
    timeline(await app.world.steps(order), stepsAhead(order)),
    buttons.length ? h("div", { class: "buttons" }, buttons) : null,
    allowed.includes("redirect") ? redirectForm(app, order) : null,
    app.world.receipt ? receiptPart(app, order) : null,
  ];
}

export function actionButton(app, order, action) {
  const button = h(
    "button",
    {
      type: "button",
      id: `${action}-${order.id}`,
      "data-action": action,
      onclick: () =>
        app.attempt(button, async () => {
          const done = await app.world.act(action, order.id);
          await app.done(`${ACTIONS[action]}, order ${order.id}: done. ${done.sentence}`);
        }),
    },
    ACTIONS[action],
  );
  if (action === "cancel" || action === "refund") button.className = "quiet";
  return button;
}

function timeline(steps, ahead) {
  const done = steps.map((step) =>
    h(
      "li",
      { class: "done" },
      h("strong", {}, STEPS[step.status]),
      h("span", {}, step.at ? time(step.at) : "", step.note ? `, ${step.note}` : ""),
    ),
  );
  const coming = ahead.map((status) =>
    h("li", { class: "coming" }, h("strong", {}, STEPS[status]), h("span", {}, "to come")),
  );
  return h("ol", { class: "timeline", id: "timeline" }, done, coming);
}

function redirectForm(app, order) {
  const area = h("textarea", { id: "redirect", rows: 3, autocomplete: "street-address" });
  const button = h("button", { type: "submit" }, ACTIONS.redirect);
  const send = async () => {
    const done = await app.world.redirect(order.id, area.value.trim());
    area.value = "";
    app.say(`Order ${order.id} goes to the new address. ${done.sentence}`, "good");
  };
  const onsubmit = (event) => {
    event.preventDefault();
    app.attempt(button, send);
  };
  return h(
    "form",
    { class: "panel", onsubmit },
    field(
      "Send it to another address",
      area,
      "Sealed on this device, for the shop alone. Possible until the courier has it.",
    ),
    button,
  );
}

function receiptPart(app, order) {
  const button = h(
    "button",
    { type: "button", class: "quiet", id: "receipt" },
    "Keep a receipt",
  );
  button.addEventListener("click", () =>
    app.attempt(button, async () => {
      save(`order-${order.id}.json`, await app.world.receipt(order));
      app.say("The receipt is in your downloads.", "good");
    }),
  );
  const how = h("code", {}, `chandlery verify order-${order.id}.json --trust genesis.json`);
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "A receipt that needs no shop"),
    h(
      "p",
      {},
      "It proves the order from the network's genesis file alone, without a connection: ",
      how,
    ),
    button,
  );
}

function save(name, document_) {
  const blob = new Blob([JSON.stringify(document_, null, 1)], { type: "application/json" });
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

export const signInFirst = () =>
  h("p", { class: "notice" }, h("a", { href: "#account" }, "Say who you are"), " first.");
