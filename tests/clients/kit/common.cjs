// What every client's script needs: the node's addresses, the shop, checks that count.
//
// Called as: node CLIENT.cjs HTTP_URL WS_URL SHOP_JSON KIND, KIND being "dev" (a dev
// chain: cheat methods are there) or "network" (consensus: they are not).

const { readFileSync } = require("node:fs");

const [, , http, ws, artifactPath, kind] = process.argv;
const TIMEOUT_MS = 60_000;

// Of the mnemonic "test test test test test test test test test test test junk".
const KEYS = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

let done = 0;

function check(isRight, what) {
  if (!isRight) throw new Error(`not so: ${what}`);
  done += 1;
}

// The error that some work ends with.
async function failure(work, what) {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error(`did not fail: ${what}`);
}

// Runs a client's flows; the process ends with what it found.
function run(flows) {
  const clock = setTimeout(() => finish(new Error(`not done after ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  const finish = (error) => {
    clearTimeout(clock);
    if (error) console.error(error);
    else console.log(`${done} checks`);
    process.exit(error ? 1 : 0);
  };
  (async () => {
    for (const [name, flow, needs] of flows) {
      if (needs && needs !== kind) continue;
      await flow().catch((error) => {
        error.message = `${name}: ${error.message}`;
        throw error;
      });
    }
  })().then(() => finish(), finish);
}

module.exports = { http, ws, kind, KEYS, artifact: JSON.parse(readFileSync(artifactPath)), check, failure, run };
