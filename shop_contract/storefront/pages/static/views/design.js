// The catalogue as a workbench: choose shape, size and scent, see candle and price, buy.

import { h, field } from "../dom.js";
import { candle, nameOf } from "../candle.js";
import { plain, shown } from "../money.js";
import { randomBytes, toHex, fromHex } from "../bytes.js";
import { MAX_TEXT_BYTES } from "../delivery.js";
import RULES from "../rules.js";

const PENDING = "chandlery pending order";
const KINDS = [
  ["shape", "shapes", "Shape"],
  ["size", "sizes", "Size"],
  ["scent", "scents", "Scent"],
];
const chosen = { shape: 0, size: 0, scent: 0, quantity: 1, address: "" };

export async function designView(app) {
  let catalogue = await app.world.catalogue();
  const account = await app.world.account();
  const hasProfile = account ? await app.world.hasProfile() : false;
  for (const [kind, names] of KINDS) {
    if (chosen[kind] >= catalogue[names].length) chosen[kind] = 0;
  }
  const picture = h("div", { class: "picture" });
  const price = h("output", { class: "price", id: "price" });
  const stock = h("p", { class: "stock", id: "stock" });
  const buy = h("button", { type: "submit", class: "primary", id: "buy" });

  const update = () => {
    const sku = find(catalogue, chosen);
    picture.replaceChildren(candle(catalogue, chosen));
    const isSold = sku.price > 0n;
    price.textContent = isSold
      ? `${shown(sku.price, app.world.unit)} each`
      : "not for sale at the moment";
    stock.textContent = isSold ? stockWords(sku.stock) : "";
    const total = shown(sku.price * BigInt(chosen.quantity || 0), app.world.unit);
    buy.textContent = catalogue.paused
      ? "The shop takes no orders at the moment"
      : isSold
        ? `${app.world.payLabel} ${total}`
        : "Choose another candle";
    buy.disabled = !account || catalogue.paused || !isSold;
  };
  app.every(async () => {
    const before = find(catalogue, chosen).price;
    catalogue = await app.world.catalogue();
    if (find(catalogue, chosen).price !== before) app.say("The price has changed.");
    update();
  });

  const form = h(
    "form",
    {
      class: "workbench",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        app.attempt(buy, () => order(app, catalogue, account, hasProfile));
      },
    },
    h("div", { class: "stand" }, picture, price, stock),
    h(
      "div",
      { class: "choices" },
      KINDS.map(([kind, names, title]) => choice(catalogue, kind, names, title, update)),
      quantityField(update),
      addressField(hasProfile),
      account
        ? null
        : h(
            "p",
            { class: "notice" },
            h("a", { href: "#account" }, "Say who you are"),
            " before you order.",
          ),
      buy,
      h(
        "p",
        { class: "hint" },
        app.world.kind === "chain"
          ? "You pay the shop's contract, which keeps the money until the candle is delivered. A fee for the chain comes on top."
          : "You pay the shop, which books the money as yours until the candle is delivered.",
      ),
    ),
  );
  update();
  return [h("h1", {}, "Design a candle"), form];
}

function choice(catalogue, kind, names, title, update) {
  const options = catalogue[names].map((name, at) => {
    const id = `${kind}-${at}`;
    const input = h("input", {
      type: "radio",
      name: kind,
      id,
      value: at,
      checked: chosen[kind] === at,
      onchange: () => {
        chosen[kind] = at;
        update();
      },
    });
    const look = { shape: 0, size: 1, scent: 0, [kind]: at };
    const drawn = candle(catalogue, look, { label: false, lit: false });
    return h(
      "div",
      { class: "option" },
      input,
      h("label", { for: id }, drawn, h("span", {}, name)),
    );
  });
  return h("fieldset", {}, h("legend", {}, title), h("div", { class: "options" }, options));
}

function quantityField(update) {
  const input = h("input", {
    type: "number",
    id: "quantity",
    min: 1,
    max: RULES.max_quantity,
    step: 1,
    value: chosen.quantity,
    inputmode: "numeric",
    oninput: () => {
      const wanted = Number(input.value);
      chosen.quantity = Number.isInteger(wanted) && wanted > 0 ? wanted : 0;
      update();
    },
  });
  return field("How many", input);
}

function addressField(hasProfile) {
  const area = h("textarea", {
    id: "address",
    rows: 3,
    autocomplete: "street-address",
    oninput: () => {
      chosen.address = area.value;
    },
  });
  area.value = chosen.address;
  const sealed = "It is sealed on this device; only the shop's key opens it.";
  const hint = hasProfile
    ? `${sealed} Leave it empty to use the address in your profile.`
    : sealed;
  return field("Delivery address", area, hint);
}

async function order(app, catalogue, account, hasProfile) {
  const sku = find(catalogue, chosen);
  const address = chosen.address.trim();
  if (new TextEncoder().encode(address).length > MAX_TEXT_BYTES)
    throw named("delivery_too_long");
  if (!address && !hasProfile) throw named("missing_delivery");
  if (!chosen.quantity) throw named("zero_quantity");
  if (chosen.quantity > RULES.max_quantity) throw named("quantity_too_large");
  const { shape, size, scent, quantity } = chosen;
  const design = { shape, size, scent };
  const reference = pendingReference(account, {
    ...design,
    quantity,
    price: plain(sku.price),
  });
  let done;
  try {
    done = await app.world.buy({ design, quantity, price: sku.price, reference, address });
  } catch (error) {
    // A refusal is certain; without one the reference is kept for a retry.
    if (error.reason && error.reason !== "outcome_unknown")
      sessionStorage.removeItem(PENDING);
    throw error;
  }
  sessionStorage.removeItem(PENDING);
  chosen.address = "";
  app.say(
    `Order ${done.id} is placed: ${quantity} × ${nameOf(catalogue, design)}. ${done.sentence}`,
    "good",
  );
  app.go(`#order/${done.id}`);
}

// The same purchase tried again carries the same reference: it is never made twice.
function pendingReference(account, purchase) {
  const about = JSON.stringify([account.id, purchase]);
  const kept = JSON.parse(sessionStorage.getItem(PENDING) ?? "{}");
  if (kept.about === about) return fromHex(kept.reference);
  const reference = randomBytes(32);
  sessionStorage.setItem(PENDING, JSON.stringify({ about, reference: toHex(reference) }));
  return reference;
}

export function find(catalogue, { shape, size, scent }) {
  const found = catalogue.skus.find(
    (sku) => sku.shape === shape && sku.size === size && sku.scent === scent,
  );
  return found ?? { shape, size, scent, price: 0n, stock: 0 };
}

function stockWords(stock) {
  if (stock === 0) return "sold out";
  return stock < 20 ? `only ${stock} left` : "in stock";
}

function named(reason) {
  return Object.assign(new Error(reason), { reason });
}
