// Who you are in this world: wallet, demo key or session; your address; your money.

import { h, field } from "../dom.js";
import { hasWallet } from "../chain/signers.js";
import { shown } from "../money.js";

const MICRO = 10n ** 12n; // what a balance is rounded down to

export async function accountView(app) {
  const account = await app.world.account();
  const title = h("h1", {}, "Account");
  if (!account)
    return [title, ...(app.world.kind === "chain" ? chainEntry(app) : centralEntry(app))];
  const facts = [
    ["You are", account.name],
    ["By", account.kind],
  ];
  if (account.money !== null) {
    facts.push(["Balance", shown(account.money - (account.money % MICRO), app.world.unit)]);
  }
  if (account.roles.length) facts.push(["Roles", account.roles.join(", ")]);
  const leave = button("Leave", "leave", "quiet");
  leave.addEventListener("click", () =>
    app.attempt(leave, async () => {
      await app.world.leave();
      await app.done("You have left.");
    }),
  );
  return [
    title,
    account.kind === "demo key" ? demoWarning() : null,
    h(
      "dl",
      { class: "facts", id: "who" },
      facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
    await moneyPart(app),
    await addressPart(app),
    leave,
  ];
}

const demoWarning = () =>
  h(
    "p",
    { class: "notice bad", id: "demo-warning" },
    h("strong", {}, "Demo key. "),
    "It lies unprotected in this browser tab. Never give it money that is worth anything.",
  );

function chainEntry(app) {
  const wallet = button("Connect the wallet", "wallet", "primary");
  wallet.disabled = !hasWallet();
  wallet.addEventListener("click", () =>
    app.attempt(wallet, () => enter(app, () => app.world.useWallet())),
  );
  const key = h("input", {
    type: "password",
    id: "demo-key",
    autocomplete: "off",
    spellcheck: "false",
  });
  const use = h("button", { type: "submit" }, "Use this demo key");
  const make = button("Make a new demo key", "make-key", "quiet");
  make.addEventListener("click", () =>
    app.attempt(make, () => enter(app, () => app.world.useDemoKey())),
  );
  const onsubmit = (event) => {
    event.preventDefault();
    app.attempt(use, () => enter(app, () => app.world.useDemoKey(key.value || "-")));
  };
  return [
    h(
      "p",
      {},
      "On this chain an account is a key. Nobody registers you, and nobody can give a lost key back.",
    ),
    h(
      "section",
      { class: "panel" },
      h("h2", {}, "Browser wallet"),
      h(
        "p",
        {},
        hasWallet()
          ? "Your wallet signs; the shop never sees your key."
          : "No wallet was found in this browser.",
      ),
      wallet,
    ),
    h(
      "form",
      { class: "panel", onsubmit },
      h("h2", {}, "Demo key"),
      demoWarning(),
      field(
        "Key from a demo network's accounts.json",
        key,
        "64 hexadecimal digits. It stays in this tab.",
      ),
      h("div", { class: "buttons" }, use, make),
    ),
  ];
}

function centralEntry(app) {
  const name = h("input", { id: "name", autocomplete: "username", autocapitalize: "none" });
  const password = h("input", {
    id: "password",
    type: "password",
    autocomplete: "current-password",
  });
  const signIn = h(
    "button",
    { type: "submit", class: "primary", id: "sign-in" },
    "Sign in",
  );
  const register = button("Register", "register", "quiet");
  const with_ = (action) => () =>
    enter(app, () => app.world[action](name.value, password.value));
  register.addEventListener("click", () => app.attempt(register, with_("register")));
  const onsubmit = (event) => {
    event.preventDefault();
    app.attempt(signIn, with_("signIn"));
  };
  return [
    h("p", {}, "In this world the shop keeps your account and your orders."),
    h(
      "form",
      { class: "panel", onsubmit },
      field("Name", name, "3 to 64 letters, digits, dots, dashes or underscores."),
      field("Password", password, "At least 10 characters, if you register."),
      h("div", { class: "buttons" }, signIn, register),
    ),
    staffEntry(app),
  ];
}

function staffEntry(app) {
  const token = h("input", { id: "token", type: "password", autocomplete: "off" });
  const use = h("button", { type: "submit", id: "use-token" }, "Use this token");
  const onsubmit = (event) => {
    event.preventDefault();
    app.attempt(use, () => enter(app, () => app.world.useToken(token.value)));
  };
  return h(
    "form",
    { class: "panel", onsubmit },
    h("h2", {}, "Staff"),
    field(
      "Token from the shop's operator",
      token,
      "It is kept in this tab until you leave.",
    ),
    use,
  );
}

async function enter(app, action) {
  await action();
  await app.done("Welcome.");
}

async function moneyPart(app) {
  const owed = await app.world.owed();
  const take = button("Withdraw", "withdraw");
  take.disabled = owed === 0n;
  take.addEventListener("click", () =>
    app.attempt(take, async () => {
      const done = await app.world.withdraw();
      await app.done(`${shown(owed, app.world.unit)} paid out. ${done.sentence}`);
    }),
  );
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "What the shop owes you"),
    h("p", { id: "owed" }, shown(owed, app.world.unit)),
    take,
  );
}

async function addressPart(app) {
  const area = h("textarea", {
    id: "profile-address",
    rows: 3,
    autocomplete: "street-address",
  });
  const save = h("button", { type: "submit", id: "save-address" }, "Seal and save");
  const has = await app.world.hasProfile();
  const store = async () => {
    const done = await app.world.setProfile(area.value.trim());
    area.value = "";
    await app.done(`Your address is saved, sealed. ${done.sentence}`);
  };
  const onsubmit = (event) => {
    event.preventDefault();
    app.attempt(save, store);
  };
  const state = has
    ? "An address is kept, sealed: this page cannot show it, only the shop can open it. A new one replaces it for every order not yet shipped."
    : "No address is kept yet.";
  return h(
    "form",
    { class: "panel", onsubmit },
    h("h2", {}, "Delivery address"),
    h("p", { id: "profile-state" }, state),
    field("New address", area, "Sealed on this device before it leaves it."),
    save,
    h(
      "p",
      { class: "hint" },
      h("a", { href: "#about" }, "What erasing an address means here"),
    ),
  );
}

export function button(text, id, kind = "") {
  return h("button", { type: "button", id, class: kind }, text);
}
