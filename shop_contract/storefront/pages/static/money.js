// Amounts are whole numbers of the smallest unit, 10^-18 of what is shown.

const DECIMALS = 18;

export function shown(amount, unit) {
  const digits = amount.toString().padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  const whole = digits.slice(0, -DECIMALS);
  return `${fraction ? `${whole}.${fraction}` : whole} ${unit}`;
}

// "0.0043" as a BigInt. Throws on anything else.
export function parsed(text) {
  const found = text.trim().match(/^(\d{1,12})(?:[.,](\d{1,18}))?$/);
  if (!found) throw new Error("a price is a number such as 0.0043");
  return BigInt(found[1] + (found[2] ?? "").padEnd(DECIMALS, "0"));
}

export const plain = (amount) => shown(amount, "").trim();
