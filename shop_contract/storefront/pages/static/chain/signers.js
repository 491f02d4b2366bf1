// Who signs: a wallet in the browser (EIP-1193), or a demo key kept by this page.
//
// A demo key is in the page's own memory and in sessionStorage, readable by anybody who
// can use this browser tab: good for money that is worth nothing, and for nothing else.

import { fromHex, randomBytes, toHex } from "../bytes.js";
import { addressOf, signTransaction } from "./transaction.js";
import { Refused, revertWord } from "./rpc.js";

const KEPT_AS = "chandlery demo key";
const REJECTED_BY_USER = 4001;
const UNKNOWN_CHAIN = 4902;

export class DemoSigner {
  kind = "demo key";

  constructor(rpc, chainId, secret) {
    this.#rpc = rpc;
    this.#chainId = chainId;
    this.#secret = secret;
    this.address = addressOf(secret);
  }

  #rpc;
  #chainId;
  #secret;

  // Sends one transaction to the contract; its hash.
  async send({ to, data, value, gas }) {
    const [nonce, tip, block] = await this.#rpc.batch([
      ["eth_getTransactionCount", this.address, "pending"],
      ["eth_maxPriorityFeePerGas"],
      ["eth_getBlockByNumber", "latest", false],
    ]);
    // Base fees rise by an eighth a block at most: room for several full blocks.
    const maxFee = 2n * BigInt(block.baseFeePerGas ?? "0x0") + BigInt(tip);
    const fields = {
      chainId: this.#chainId,
      nonce: BigInt(nonce),
      tip: BigInt(tip),
      maxFee,
      gas,
      to: fromHex(to),
      value,
      data,
    };
    const raw = await signTransaction(fields, this.#secret);
    return this.#rpc.call("eth_sendRawTransaction", toHex(raw));
  }
}

export function keepDemoKey(text) {
  const digits = text.trim().replace(/^0x/, "");
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) {
    throw new Error("a demo key is 64 hexadecimal digits");
  }
  addressOf(fromHex(digits)); // throws when it is no key of the curve
  sessionStorage.setItem(KEPT_AS, digits);
}

export const makeDemoKey = () => keepDemoKey(toHex(randomBytes(32)));

export const forgetDemoKey = () => sessionStorage.removeItem(KEPT_AS);

export function keptDemoSigner(rpc, chainId) {
  const kept = sessionStorage.getItem(KEPT_AS);
  return kept ? new DemoSigner(rpc, chainId, fromHex(kept)) : null;
}

// `#key=0x...` in the address hands over a demo key; fragments are never sent to a
// server. It is taken out of the address bar at once.
export function takeDemoKeyFromAddress() {
  const found = location.hash.match(/^#key=(0x)?([0-9a-fA-F]{64})$/);
  if (!found) return;
  history.replaceState(null, "", location.pathname + location.search);
  keepDemoKey(found[2]);
}

export const hasWallet = () => typeof window.ethereum?.request === "function";

export class WalletSigner {
  kind = "browser wallet";

  constructor(provider, address) {
    this.#provider = provider;
    this.address = address.toLowerCase();
  }

  #provider;

  static async connect(chainId, provider = window.ethereum) {
    const chain = "0x" + chainId.toString(16);
    const [address] = await ask(provider, "eth_requestAccounts");
    if (BigInt(await ask(provider, "eth_chainId")) !== chainId) {
      await switchChain(provider, chain);
    }
    return new WalletSigner(provider, address);
  }

  async send({ to, data, value, gas }) {
    const fields = {
      from: this.address,
      to,
      data: toHex(data),
      value: "0x" + value.toString(16),
      gas: "0x" + gas.toString(16),
    };
    return ask(this.#provider, "eth_sendTransaction", [fields]);
  }
}

async function switchChain(provider, chainId) {
  try {
    await ask(provider, "wallet_switchEthereumChain", [{ chainId }]);
  } catch (error) {
    if (error.code !== UNKNOWN_CHAIN) throw error;
    const chain = {
      chainId,
      chainName: `chandlery ${BigInt(chainId)}`,
      rpcUrls: [new URL("/", location.href).href],
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    };
    await ask(provider, "wallet_addEthereumChain", [chain]);
  }
}

async function ask(provider, method, params = []) {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    const message =
      error.code === REJECTED_BY_USER ? "you declined in the wallet" : error.message;
    const refused = new Refused(message, revertWord(error.data?.data ?? error.data));
    refused.code = error.code;
    throw refused;
  }
}
