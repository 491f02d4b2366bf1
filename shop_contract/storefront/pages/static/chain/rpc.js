// JSON-RPC over POST to the node that served this page.

import { fromHex } from "../bytes.js";
import { decode } from "./abi.js";

const ERROR_SELECTOR = "0x08c379a0"; // Error(string)
const TIMEOUT_MS = 15_000;

// The node refused. `reason` is the contract's own word, where the contract said no.
export class Refused extends Error {
  constructor(message, reason = null) {
    super(message);
    this.reason = reason;
  }
}

// No answer at all: nothing is known about what was sent.
export class NoAnswer extends Error {}

export function revertWord(data) {
  if (typeof data !== "string" || !data.startsWith(ERROR_SELECTOR)) return null;
  return decode(["string"], fromHex(data.slice(ERROR_SELECTOR.length)))[0];
}

export class Rpc {
  constructor(url) {
    this.url = url;
  }

  async call(method, ...params) {
    const body = { jsonrpc: "2.0", id: 1, method, params };
    return result(await this.#post(body));
  }

  // Several questions in one request: [[method, ...params], ...].
  async batch(calls) {
    const body = calls.map(([method, ...params], id) => ({
      jsonrpc: "2.0",
      id,
      method,
      params,
    }));
    const answers = await this.#post(body);
    if (!Array.isArray(answers)) return [result(answers)];
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    return calls.map((_, id) => result(byId.get(id)));
  }

  async #post(body) {
    let response;
    try {
      response = await fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return await response.json();
    } catch {
      const status = response ? ` (HTTP ${response.status})` : "";
      throw new NoAnswer(`the node does not answer${status}`);
    }
  }
}

function result(answer) {
  if (!answer) throw new NoAnswer("the node left a question unanswered");
  if (!answer.error) return answer.result;
  throw new Refused(answer.error.message, revertWord(answer.error.data));
}
