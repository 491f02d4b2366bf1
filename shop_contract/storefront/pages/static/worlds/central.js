// The shop on the centralized ladder: its web API, with a session cookie, or with a
// token that the operator gave to somebody of the staff.

import { seal, unseal } from "../delivery.js";
import { fromHex, toHex, utf8 } from "../bytes.js";
import { knownSteps } from "../actions.js";

const CSRF = "chandlery csrf token";
const TOKEN = "chandlery staff token";
const TIMEOUT_MS = 15_000;
const PAGE = 100;

// The shop said no, and the name of its reason.
export class ShopRefused extends Error {
  constructor({ reason, message }) {
    super(message);
    this.reason = reason;
  }
}

export class NoAnswer extends Error {}

export class CentralWorld {
  kind = "central";
  unit = "coins";
  payLabel = "Order and pay";

  constructor(config) {
    this.config = config;
    this.me = null;
  }

  async open() {
    if (!sessionStorage.getItem(CSRF) && !sessionStorage.getItem(TOKEN)) return;
    try {
      this.me = await this.#ask("GET", "/api/profile");
    } catch (error) {
      if (error.reason !== "not_signed_in") throw error;
      this.#forget();
    }
  }

  async useToken(token) {
    sessionStorage.setItem(TOKEN, token.trim());
    try {
      this.me = await this.#ask("GET", "/api/profile");
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #forget() {
    sessionStorage.removeItem(CSRF);
    sessionStorage.removeItem(TOKEN);
    this.me = null;
  }

  signIn(name, password) {
    return this.#enter("/api/session", name, password);
  }

  register(name, password) {
    return this.#enter("/api/accounts", name, password);
  }

  async #enter(path, name, password) {
    const answer = await this.#ask("POST", path, { name, password });
    sessionStorage.setItem(CSRF, answer.csrf_token);
    this.me = answer;
  }

  async leave() {
    await this.#ask("DELETE", "/api/session");
    this.#forget();
  }

  async account() {
    if (!this.me) return null;
    const { account, name, roles } = this.me;
    return { id: account, name, kind: "session", roles, money: null };
  }

  async now() {
    return Math.floor(Date.now() / 1000);
  }

  async catalogue() {
    const shelf = await this.#ask("GET", "/api/catalogue");
    const skus = shelf.skus.map(({ design, price, stock }) => ({
      ...design,
      price: BigInt(price),
      stock,
    }));
    return { ...shelf, skus };
  }

  async buy({ design, quantity, price, reference, address }) {
    const total = price * BigInt(quantity);
    const body = {
      reference: toHex(reference),
      design,
      quantity,
      maximum_price: String(price),
      payment: String(total),
    };
    if (address) body.delivery = toHex(await this.#sealed(address));
    const order = await this.#ask("POST", "/api/orders", body);
    return { id: order.id, sentence: this.#acknowledged() };
  }

  async act(action, id) {
    const body = action === "pay" ? { amount: String((await this.order(id)).total) } : {};
    await this.#ask("POST", `/api/orders/${id}/${action}`, body);
    return { sentence: this.#acknowledged() };
  }

  async redirect(id, address) {
    const delivery = toHex(await this.#sealed(address));
    await this.#ask("POST", `/api/orders/${id}/redirect`, { delivery });
    return { sentence: this.#acknowledged() };
  }

  async setProfile(address) {
    const delivery = toHex(await this.#sealed(address));
    await this.#ask("PUT", "/api/profile/delivery", { delivery });
    return { sentence: this.#acknowledged() };
  }

  async hasProfile() {
    return (await this.#ask("GET", "/api/profile")).delivery !== null;
  }

  async owed() {
    return BigInt((await this.#ask("GET", "/api/owed")).amount);
  }

  async withdraw() {
    await this.#ask("POST", "/api/withdraw", {});
    return { sentence: this.#acknowledged() };
  }

  async order(id) {
    try {
      return orderFrom(await this.#ask("GET", `/api/orders/${id}`));
    } catch (error) {
      if (error.reason === "unknown_order") return null;
      throw error;
    }
  }

  // So many pages of the caller's orders, the newest first, and whether there are more.
  ownOrders(pages) {
    return this.#pages("/api/orders?", "before", pages);
  }

  // The orders that wait in a status, those that have waited longest first.
  board(status, pages) {
    return this.#pages(`/api/board?status=${status}&`, "after", pages);
  }

  async #pages(path, from, pages) {
    const orders = [];
    let at = from === "before" ? Number.MAX_SAFE_INTEGER : 0;
    for (let page = 0; page < pages && at !== null; page += 1) {
      const answer = await this.#ask("GET", `${path}${from}=${at}&limit=${PAGE}`);
      orders.push(...answer.orders.map(orderFrom));
      at = answer[`next_${from}`];
    }
    return { orders, more: at !== null };
  }

  async steps(order) {
    return knownSteps(order);
  }

  async addressOf(order, key) {
    const { delivery } = await this.#ask("GET", `/api/orders/${order.id}/delivery`);
    return unseal(fromHex(delivery), key, utf8(`account ${order.buyer}`));
  }

  async deliveryKey() {
    return fromHex(this.config.delivery_key);
  }

  async setPrices(changes) {
    const prices = changes.map(({ price, ...design }) => ({
      design,
      price: String(price),
    }));
    await this.#ask("PUT", "/api/prices", { prices });
    return { sentence: this.#acknowledged() };
  }

  async adjustStock(changes) {
    const rows = changes.map(({ change, ...design }) => ({ design, change }));
    await this.#ask("POST", "/api/stock", { changes: rows });
    return { sentence: this.#acknowledged() };
  }

  async setPaused(paused) {
    await this.#ask("PUT", "/api/paused", { paused });
    return { sentence: this.#acknowledged() };
  }

  #sealed(address) {
    const key = fromHex(this.config.delivery_key);
    return seal(address, key, utf8(`account ${this.me.account}`));
  }

  #acknowledged() {
    return "Acknowledged by the shop's server.";
  }

  async #ask(method, path, body) {
    const headers = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const token = sessionStorage.getItem(TOKEN);
    if (token) headers.Authorization = `Bearer ${token}`;
    else if (method !== "GET") headers["X-CSRF-Token"] = sessionStorage.getItem(CSRF) ?? "";
    let response;
    let answer;
    try {
      response = await fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      answer = response.status === 204 ? null : await response.json();
    } catch {
      throw new NoAnswer("the shop does not answer");
    }
    if (!response.ok) throw new ShopRefused(answer.error);
    return answer;
  }
}

function orderFrom(document) {
  return {
    id: document.id,
    buyer: document.buyer,
    design: document.design,
    quantity: document.quantity,
    unitPrice: BigInt(document.unit_price),
    total: BigInt(document.total),
    placedAt: document.placed_at_s,
    status: document.status,
    deadline: document.deadline_s,
  };
}
