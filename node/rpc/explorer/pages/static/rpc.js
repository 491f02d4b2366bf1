// JSON-RPC with the node that served this page: questions by POST, news by WebSocket.

const TIMEOUT_MS = 15_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const MAX_BATCH = 40;

export class Refused extends Error {}

let serial = 0;

// Answers in the order of the questions: [[method, ...params], ...].
export async function ask(questions) {
  const answers = [];
  for (let from = 0; from < questions.length; from += MAX_BATCH) {
    answers.push(...(await batch(questions.slice(from, from + MAX_BATCH))));
  }
  return answers;
}

export const one = async (method, ...params) => (await ask([[method, ...params]]))[0];

async function batch(questions) {
  const body = questions.map(([method, ...params], id) => ({ jsonrpc: "2.0", id, method, params }));
  const response = await fetch("/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new Refused("The node does not answer.");
  });
  const answers = await response.json();
  if (!Array.isArray(answers)) throw new Refused(answers.error?.message ?? "The node's answer makes no sense.");
  const found = new Map(answers.map((answer) => [answer.id, answer]));
  return questions.map((_, id) => {
    const answer = found.get(id);
    if (answer?.error) throw new Refused(answer.error.message);
    return answer?.result ?? null;
  });
}

// Hears of new heads and pending transactions for as long as the page is open.
export function listen({ onHead, onPending, onState }) {
  let wait_ms = FIRST_RETRY_MS;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/`);
    const kinds = new Map();
    const asked = new Map();
    const send = (method, ...params) => {
      serial += 1;
      asked.set(serial, params[0]);
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: serial, method, params }));
    };
    socket.onopen = () => {
      wait_ms = FIRST_RETRY_MS;
      onState(true);
      send("eth_subscribe", "newHeads");
      send("eth_subscribe", "newPendingTransactions");
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.method !== "eth_subscription") {
        kinds.set(message.result, asked.get(message.id));
        return;
      }
      const { subscription, result } = message.params;
      if (kinds.get(subscription) === "newHeads") onHead(result);
      else onPending(result);
    };
    socket.onclose = () => {
      onState(false);
      setTimeout(open, wait_ms);
      wait_ms = Math.min(wait_ms * 2, LAST_RETRY_MS);
    };
  };
  open();
}
