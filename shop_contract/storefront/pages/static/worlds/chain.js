// The shop on the chain: its contract through the node that served this page.

import { seal, unseal } from "../delivery.js";
import { concat, fromHex, toHex } from "../bytes.js";
import { decode } from "../chain/abi.js";
import { Contract, topicOf, wordOf } from "../chain/contract.js";
import { makeReceipt } from "../chain/receipt.js";
import * as signers from "../chain/signers.js";
import { checksummed } from "../chain/transaction.js";
import { Rpc } from "../chain/rpc.js";
import RULES from "../rules.js";

const PAGE = 64n; // orders the contract gives at once
const READS = 10; // of so many orders that one page of a list looks through
const NO_DIGEST = "0x" + "00".repeat(32);

export class ChainWorld {
  kind = "chain";
  unit = "ETH";
  payLabel = "Order and pay";

  constructor(config) {
    this.config = config;
    this.chainId = BigInt(config.chain_id);
    this.rpc = new Rpc(config.rpc);
    this.contract = new Contract(this.rpc, config.shop.address, config.shop.block ?? 0);
    this.signer = null;
  }

  async open() {
    signers.takeDemoKeyFromAddress();
    this.signer = signers.keptDemoSigner(this.rpc, this.chainId);
    const code = await this.rpc.call("eth_getCode", this.config.shop.address, "latest");
    if (code === "0x") {
      throw new Error(`there is no contract at ${this.config.shop.address} on this chain`);
    }
  }

  async useWallet() {
    this.signer = await signers.WalletSigner.connect(this.chainId);
  }

  useDemoKey(text) {
    if (text) signers.keepDemoKey(text);
    else signers.makeDemoKey();
    this.signer = signers.keptDemoSigner(this.rpc, this.chainId);
  }

  async leave() {
    signers.forgetDemoKey();
    this.signer = null;
  }

  // {id, name, kind, roles, money}; null: nobody signs yet.
  async account() {
    if (!this.signer) return null;
    const me = this.signer.address;
    const [owner, moulder, courier] = await this.contract.readAll([
      ["owner"],
      ["is_moulder", me],
      ["is_courier", me],
    ]);
    const roles = [];
    if (owner === me) roles.push("owner");
    if (moulder) roles.push("moulder");
    if (courier) roles.push("courier");
    const money = BigInt(await this.rpc.call("eth_getBalance", me, "latest"));
    return { id: me, name: checksummed(me), kind: this.signer.kind, roles, money };
  }

  async now() {
    const block = await this.rpc.call("eth_getBlockByNumber", "latest", false);
    // A chain that rests between blocks tells no time.
    return Math.max(Number(block.timestamp), Math.floor(Date.now() / 1000));
  }

  async catalogue() {
    const read = await this.contract.read("catalogue");
    const [version, paused, shapes, sizes, scents] = read;
    const shelves = await this.contract.readAll(shapes.map((_, at) => ["shelf", at]));
    const skus = shelves.flatMap((shelf, shape) =>
      shelf.map(([price, stock], at) => ({
        shape,
        size: Math.floor(at / scents.length),
        scent: at % scents.length,
        price,
        stock: Number(stock),
      })),
    );
    return { version: Number(version), paused, shapes, sizes, scents, skus };
  }

  // Places and pays in one transaction. Safe to repeat with the same reference.
  async buy({ design, quantity, price, reference, address }) {
    const envelope = address ? await this.#sealed(address) : new Uint8Array();
    const values = [design.shape, design.size, design.scent, quantity, price];
    const total = price * BigInt(quantity);
    try {
      const sent = [...values, reference, envelope];
      const receipt = await this.contract.transact(this.signer, "place", sent, total);
      return {
        id: Number(await this.#orderOf(reference)),
        ...(await this.#final(receipt)),
      };
    } catch (error) {
      if (error.reason !== "already_placed") throw error;
      return {
        id: Number(await this.#orderOf(reference)),
        sentence: "It had been placed before.",
      };
    }
  }

  #orderOf(reference) {
    return this.contract.read("order_of", this.signer.address, reference);
  }

  async act(action, id) {
    return this.#final(await this.contract.transact(this.signer, action, [id]));
  }

  async redirect(id, address) {
    const values = [id, await this.#sealed(address)];
    return this.#final(await this.contract.transact(this.signer, "redirect", values));
  }

  async setProfile(address) {
    const values = [await this.#sealed(address)];
    return this.#final(await this.contract.transact(this.signer, "set_profile", values));
  }

  async hasProfile() {
    return toHex(await this.contract.read("profile", this.signer.address)) !== NO_DIGEST;
  }

  owed() {
    return this.contract.read("owed", this.signer.address);
  }

  async withdraw() {
    return this.#final(await this.contract.transact(this.signer, "withdraw", []));
  }

  async order(id) {
    const found = orderFrom(await this.contract.read("order", id), id);
    return found.status === null ? null : found;
  }

  // The caller's orders among the newest ones, newest first, and whether there are older
  // orders to look through. A page is a few hundred orders of whoever it may be.
  ownOrders(pages) {
    const me = this.signer.address;
    return this.#newest((order) => order.buyer === me, pages);
  }

  // The same of the orders in a status, those that have waited longest first.
  async board(status, pages) {
    const found = await this.#newest((order) => order.status === status, pages);
    return { ...found, orders: found.orders.reverse() };
  }

  async #newest(wanted, pages) {
    let last = await this.contract.read("order_count");
    const reads = [];
    for (; last > 0n && reads.length < pages * READS; last -= PAGE) {
      const first = last > PAGE ? last - PAGE + 1n : 1n;
      reads.push(["orders", first, last - first + 1n]);
    }
    const answers = reads.length ? await this.contract.readAll(reads) : [];
    const orders = answers
      .flatMap((page, at) =>
        page.map((fields, n) => orderFrom(fields, Number(reads[at][1]) + n)),
      )
      .filter(wanted)
      .sort((a, b) => b.id - a.id);
    return { orders, more: last > 0n };
  }

  // Every step with its time and block, from the contract's events.
  async steps(order) {
    const logs = await this.#logsOf(order.id);
    const times = await this.contract.timesOf(logs.map((log) => log.blockNumber));
    return logs.flatMap((log) => {
      const at = times.get(log.blockNumber);
      const note = `block ${Number(log.blockNumber)}`;
      const hash = log.transactionHash;
      if (log.topics[0] === topicOf("OrderPlaced")) {
        return [
          { status: "placed", at, note, hash },
          { status: "paid", at, note, hash },
        ];
      }
      return [{ status: RULES.statuses[Number(log.topics[2]) - 1], at, note, hash }];
    });
  }

  #logsOf(id) {
    const events = [topicOf("OrderPlaced"), topicOf("OrderMoved")];
    const placed = (logs) => logs.some((log) => log.topics[0] === events[0]);
    return this.contract.logsBack([events, wordOf(id)], placed);
  }

  // A file that proves the order without this shop: see `chandlery verify`.
  async receipt(order) {
    return makeReceipt(this.contract, this.chainId, order.id, await this.#logsOf(order.id));
  }

  // The address of an order, opened with the shop's private key.
  async addressOf(order, key) {
    const own = [topicOf("OrderDelivery"), wordOf(order.id)];
    const profile = [topicOf("ProfileChanged"), wordOf(order.buyer)];
    const wanted = (log) => log.data.slice(2, 66) === order.digest.slice(2);
    const any = (logs) => logs.some(wanted);
    let logs = await this.contract.logsBack(own, any);
    if (!any(logs)) logs = await this.contract.logsBack(profile, any);
    const log = logs.filter(wanted).at(-1);
    if (!log) throw new Error("no envelope was found in the chain's logs");
    const envelope = decode(["bytes32", "bytes"], fromHex(log.data))[1];
    return unseal(envelope, key, this.#context(order.buyer));
  }

  deliveryKey() {
    return this.contract.read("delivery_key");
  }

  async publishDeliveryKey(bytes) {
    const receipt = await this.contract.transact(this.signer, "set_delivery_key", [bytes]);
    return this.#final(receipt);
  }

  async setPrices(changes) {
    const rows = changes.map((c) => [c.shape, c.size, c.scent, c.price]);
    return this.#final(await this.contract.transact(this.signer, "set_prices", [rows]));
  }

  async adjustStock(changes) {
    const rows = changes.map((c) => [c.shape, c.size, c.scent, BigInt(c.change)]);
    return this.#final(await this.contract.transact(this.signer, "adjust_stock", [rows]));
  }

  async setPaused(paused) {
    return this.#final(await this.contract.transact(this.signer, "set_paused", [paused]));
  }

  #context(buyer) {
    return concat(fromHex(this.config.shop.address), fromHex(buyer));
  }

  async #sealed(address) {
    const key = await this.contract.read("delivery_key");
    if (!key.length) throw new Error("the shop has published no key to seal addresses for");
    return seal(address, key, this.#context(this.signer.address));
  }

  // Why a transaction's block will not be undone, as a sentence.
  async #final(receipt) {
    const block = Number(receipt.blockNumber);
    try {
      const certificate = await this.rpc.call(
        "qbft_getCommitCertificate",
        receipt.blockNumber,
      );
      const parent = "0x" + (block - 1).toString(16);
      const all = await this.rpc.call("qbft_getValidatorsByBlockNumber", parent);
      const signed = `signed by ${certificate.seals.length} of ${all.length} validators`;
      // Fewer than four validators tolerate no liar at all.
      const few = all.length < 4 ? " With so few, none of them may lie." : "";
      return { sentence: `Final: block ${block}, ${signed}.${few}` };
    } catch {
      return {
        sentence: `In block ${block} of a development chain: no validators vouch for it.`,
      };
    }
  }
}

function orderFrom(fields, id) {
  const [buyer, shape, size, scent, quantity, unitPrice, total] = fields;
  const [, placedAt, status, deadline, digest] = fields.slice(7);
  return {
    id: Number(id),
    buyer,
    design: { shape: Number(shape), size: Number(size), scent: Number(scent) },
    quantity: Number(quantity),
    unitPrice,
    total,
    placedAt: Number(placedAt),
    status: status === 0n ? null : RULES.statuses[Number(status) - 1],
    deadline: Number(deadline),
    digest: toHex(digest),
  };
}
