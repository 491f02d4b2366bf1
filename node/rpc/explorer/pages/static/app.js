// Routes, the search, and the pages that follow the chain as it grows.

import { loadInterfaces } from "./abi.js";
import { h } from "./dom.js";
import { listen, one, Refused } from "./rpc.js";
import { address } from "./views/address.js";
import { block } from "./views/block.js";
import { home } from "./views/home.js";
import { pool } from "./views/pool.js";
import { transaction } from "./views/transaction.js";
import { validators } from "./views/validators.js";

const REFRESH_MS = 500;

const VIEWS = {
  "": { show: home, live: true },
  block: { show: block, live: false },
  tx: { show: transaction, live: false },
  address: { show: address, live: true },
  validators: { show: validators, live: true },
  pool: { show: pool, live: true },
};

const main = document.getElementById("main");
let turn = 0;
let planned = null;

function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  return { name: name in VIEWS ? name : "", argument: rest.join("/") };
}

// Shows the view of the address; `follow` keeps focus and place where they are.
async function render(follow = false) {
  const { name, argument } = route();
  turn += 1;
  const mine = turn;
  main.setAttribute("aria-busy", "true");
  let content;
  try {
    content = await VIEWS[name].show(argument);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof SyntaxError)) throw error;
    content = [h("h1", { tabindex: "-1" }, "Not found"), h("p", { class: "notice" }, error.message)];
  }
  if (mine !== turn) return; // another page was opened meanwhile
  const scrolled = Array.from(main.querySelectorAll(".wide"), (part) => part.scrollLeft);
  const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  main.replaceChildren(...content.flat(Infinity).filter((part) => part !== null && part !== undefined));
  main.querySelectorAll(".wide").forEach((part, at) => {
    part.scrollLeft = follow ? (scrolled[at] ?? 0) : 0;
  });
  main.removeAttribute("aria-busy");
  main.dataset.route = location.hash;
  mark(name);
  document.title = `${main.querySelector("h1").textContent} – explorer`;
  if (!follow) main.querySelector("h1").focus({ preventScroll: true });
  else if (focused) main.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function mark(name) {
  for (const link of document.querySelectorAll("nav a")) {
    const isHere = link.getAttribute("href").slice(1) === name;
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// At most one refresh in REFRESH_MS, however fast blocks come.
function refresh() {
  if (!VIEWS[route().name].live || planned !== null) return;
  planned = setTimeout(() => {
    planned = null;
    render(true);
  }, REFRESH_MS);
}

async function find(event) {
  event.preventDefault();
  const wanted = document.getElementById("wanted").value.trim().toLowerCase().replaceAll(",", "");
  if (/^\d+$/.test(wanted)) location.hash = `block/${wanted}`;
  else if (/^0x[0-9a-f]{40}$/.test(wanted)) location.hash = `address/${wanted}`;
  else if (/^0x[0-9a-f]{64}$/.test(wanted)) {
    // When the node does not answer, the page of the transaction says so.
    const found = await one("eth_getBlockByHash", wanted, false).catch(() => null);
    location.hash = `${found ? "block" : "tx"}/${wanted}`;
  } else show("That is no block number, hash or address.");
}

function show(message) {
  main.replaceChildren(h("h1", { tabindex: "-1" }, "Not found"), h("p", { class: "notice" }, message));
  main.querySelector("h1").focus();
}

const live = document.getElementById("live");

function onState(isOpen) {
  live.textContent = isOpen ? "live" : "not connected, trying again";
  live.className = isOpen ? "chip good" : "chip bad";
}

async function start() {
  const config = await (await fetch("static/config.json")).json();
  document.getElementById("chain").textContent = `chain ${config.chain_id}`;
  document.getElementById("chain").title = config.client;
  await loadInterfaces();
  addEventListener("hashchange", () => render());
  document.getElementById("search").addEventListener("submit", find);
  await render();
  listen({ onHead: refresh, onPending: refresh, onState });
}

start();
