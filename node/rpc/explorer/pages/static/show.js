// Values of the chain as people read them, and links to what they name.

import { h } from "./dom.js";

const WEI_IN_ETHER = 10n ** 18n;
const WEI_IN_GWEI = 10n ** 9n;

export const number = (quantity) => Number(BigInt(quantity)).toLocaleString("en");

export const short = (hex) => (hex.length > 20 ? `${hex.slice(0, 10)}…${hex.slice(-6)}` : hex);

function decimal(wei, unit) {
  const whole = wei / unit;
  const rest = (wei % unit).toString().padStart(unit.toString().length - 1, "0");
  const fraction = rest.replace(/0+$/, "");
  return `${whole.toLocaleString("en")}${fraction ? `.${fraction}` : ""}`;
}

// An amount in the unit that suits it.
export function amount(quantity) {
  const wei = BigInt(quantity);
  if (wei === 0n) return "0";
  if (wei < WEI_IN_GWEI / 1000n) return `${wei} wei`;
  if (wei < WEI_IN_ETHER / 100_000n) return `${decimal(wei, WEI_IN_GWEI)} gwei`;
  return `${decimal(wei, WEI_IN_ETHER)} ether`;
}

// With as many decimals as tell fees apart; the tooltip has all of them.
export function gwei(quantity) {
  const wei = BigInt(quantity);
  const rounded = Number(wei) / Number(WEI_IN_GWEI);
  const words = rounded.toLocaleString("en", { maximumFractionDigits: 4 });
  return h("span", { title: `${wei.toLocaleString("en")} wei` }, `${words} gwei`);
}

export function moment(quantity, isShort = false) {
  const date = new Date(Number(BigInt(quantity)) * 1000);
  const whole = date.toLocaleString("en", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  const words = isShort ? date.toLocaleTimeString("en", { timeStyle: "medium", hourCycle: "h23" }) : whole;
  return h("time", { datetime: date.toISOString(), title: whole }, words);
}

export const code = (text) => h("code", {}, text);

export const blockLink = (quantity) => h("a", { href: `#block/${BigInt(quantity)}` }, number(quantity));

export const transactionLink = (hash, whole = false) =>
  h("a", { href: `#tx/${hash}`, title: hash }, code(whole ? hash : short(hash)));

export const addressLink = (address, whole = false) =>
  address ? h("a", { href: `#address/${address}`, title: address }, code(whole ? address : short(address))) : "–";
