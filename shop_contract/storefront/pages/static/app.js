// The page: finds out which world it is in, shows one view at a time, says what happened.

import { h } from "./dom.js";
import { explain, REASONS } from "./words.js";
import { ChainWorld } from "./worlds/chain.js";
import { CentralWorld } from "./worlds/central.js";
import { aboutView } from "./views/about.js";
import { accountView } from "./views/account.js";
import { boardView } from "./views/board.js";
import { designView } from "./views/design.js";
import { orderView, ordersView } from "./views/orders.js";

const REFRESH_MS = 4_000;
const VIEWS = {
  design: ["Design", designView],
  orders: ["My orders", ordersView],
  account: ["Account", accountView],
  board: ["Board", boardView],
  about: ["About", aboutView],
};
const main = document.getElementById("main");
const status = document.getElementById("status");

class App {
  #timer = null;
  #shown = 0; // counts renderings, so that a slow one never replaces a newer
  #hasNews = false; // what was said last is about the view that comes now

  constructor(world) {
    this.world = world;
  }

  // Shows the view that the address names, and moves the focus there.
  async show({ focus = true } = {}) {
    const mine = (this.#shown += 1);
    clearInterval(this.#timer);
    this.#timer = null;
    const route = location.hash;
    const [name, id] = route.slice(1).split("/");
    main.setAttribute("aria-busy", "true");
    let content;
    try {
      content =
        name === "order" ? await orderView(this, Number(id)) : await this.#view(name);
    } catch (error) {
      content = [h("h1", {}, "That did not work"), failure(error)];
    }
    if (mine !== this.#shown) return;
    main.replaceChildren(...content.flat().filter(Boolean));
    main.removeAttribute("aria-busy");
    main.dataset.route = route;
    const title = main.querySelector("h1");
    document.title = `${title.textContent} · The candle shop`;
    markPage(name === "order" ? "orders" : name);
    if (focus) {
      title.tabIndex = -1;
      title.focus();
      scrollTo(0, 0);
    }
  }

  #view(name) {
    const [, view] = VIEWS[name] ?? VIEWS.design;
    return view(this);
  }

  // Goes to another view; what was just said stays to be read.
  go(hash) {
    this.#hasNews = true;
    location.hash = hash;
  }

  follow() {
    if (!this.#hasNews) status.replaceChildren();
    this.#hasNews = false;
    return this.show();
  }

  // Shows the same view again, the focus where it was.
  async refresh() {
    const id = document.activeElement?.id;
    await this.show({ focus: false });
    const same = id && document.getElementById(id);
    if (same) same.focus();
    else main.querySelector("h1").focus();
  }

  // Shows the view as it is now, then says what was done: news are never ahead of it.
  async done(text) {
    await this.refresh();
    this.say(text, "good");
  }

  // Does something every few seconds while this view is shown and the page visible.
  every(action) {
    this.#timer = setInterval(() => {
      if (!document.hidden) action().catch(() => {}); // the next time may work
    }, REFRESH_MS);
  }

  say(text, kind = "") {
    status.replaceChildren(h("p", { class: `notice ${kind}` }, text));
  }

  // Runs what a control asks for, once at a time, and says what failed.
  async attempt(control, action) {
    control.disabled = true;
    control.setAttribute("aria-busy", "true");
    this.say("Working…");
    const before = status.firstChild;
    try {
      await action();
      if (status.firstChild === before) status.replaceChildren();
    } catch (error) {
      status.replaceChildren(failure(error));
    } finally {
      control.disabled = false;
      control.removeAttribute("aria-busy");
    }
  }
}

function failure(error) {
  const { words, reason } = explain(error);
  const name = reason ? h("code", { "data-reason": reason }, reason) : null;
  return h("p", { class: "notice bad" }, words, name ? " " : null, name);
}

function markPage(current) {
  for (const link of document.querySelectorAll("#pages a")) {
    const isCurrent = link.hash === `#${current || "design"}`;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function start() {
  const response = await fetch("static/config.json");
  if (!response.ok) throw new Error("the server does not say which world this is");
  const config = await response.json();
  const named = new URLSearchParams(location.search).get("shop");
  if (config.world === "chain" && named) config.shop = { address: named.toLowerCase() };
  if (config.world === "chain" && !/^0x[0-9a-f]{40}$/i.test(config.shop?.address ?? "")) {
    throw new Error(
      "this node knows of no shop: deploy one with `chandlery shop deploy`, or open this page with ?shop=0x… and its address",
    );
  }
  const world =
    config.world === "chain" ? new ChainWorld(config) : new CentralWorld(config);
  const where =
    config.world === "chain" ? `On chain ${config.chain_id}` : "On the shop's servers";
  document.getElementById("world").textContent = where;
  await world.open();
  const app = new App(world);
  const links = Object.entries(VIEWS).map(([name, [title]]) =>
    h("li", {}, h("a", { href: `#${name}` }, title)),
  );
  document.getElementById("pages").replaceChildren(...links);
  document
    .getElementById("foot")
    .replaceChildren(
      h(
        "p",
        {},
        finality(config),
        " ",
        h("a", { href: "#about" }, "More about this shop"),
        ".",
      ),
    );
  window.addEventListener("hashchange", () => app.follow());
  if (!window.isSecureContext)
    status.replaceChildren(
      failure({ reason: "no_secure_context", message: REASONS.no_secure_context }),
    );
  await app.show({ focus: false });
}

const finality = (config) =>
  config.world === "chain"
    ? "An order is final once its block is signed by more than two thirds of the validators, usually within a second."
    : "An order is final once the shop's server acknowledges it.";

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
start().catch((error) =>
  main.replaceChildren(h("h1", {}, "The shop is closed"), failure(error)),
);
