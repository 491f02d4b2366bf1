// Which actions an account may take on an order now, and what a timeline can say.

import RULES from "./rules.js";

export const isFinal = (order) => RULES.final.includes(order.status);

// `account` is {id, roles}; the order's buyer is an account id.
export function allowedActions(order, account, now) {
  if (!account) return [];
  const parties = new Set(account.roles);
  if (order.buyer === account.id) parties.add("buyer");
  return Object.entries(RULES.actions)
    .filter(([, rule]) => rule.sources.includes(order.status))
    .filter(([, rule]) =>
      Object.entries(rule.parties).some(
        ([party, timing]) => parties.has(party) && isTime(timing, order.deadline, now),
      ),
    )
    .map(([action]) => action);
}

function isTime(timing, deadline, now) {
  if (timing === "by_deadline") return now <= deadline;
  if (timing === "after_deadline") return now > deadline;
  if (timing === "after_claim_window") return now > deadline + RULES.claim_window_s;
  return true;
}

// What an order itself tells of its past: when it was placed, and when it took its
// present status (a deadline is that moment plus the status's window).
export function knownSteps(order) {
  const steps = [{ status: "placed", at: order.placedAt }];
  if (order.status !== "placed") {
    const window = RULES.windows_s[order.status];
    const at = window && order.deadline ? order.deadline - window : null;
    steps.push({ status: order.status, at });
  }
  return steps;
}

// What is still to come if all goes well.
export function stepsAhead(order) {
  const way = ["placed", "paid", "moulding", "shipped", "delivered"];
  return isFinal(order) ? [] : way.slice(way.indexOf(order.status) + 1);
}
