// ethers 6: deploy, call, send, wait, events, errors, batches, WebSocket, signatures.

const { ethers } = require("ethers");
const { http, ws, KEYS, artifact, check, failure, run } = require("./common.cjs");

const provider = new ethers.JsonRpcProvider(http);
const wallets = KEYS.map((key) => new ethers.Wallet(key, provider));
const bytecode = artifact.bytecode;
let shop;

async function deploy() {
  const factory = new ethers.ContractFactory(artifact.abi, bytecode, wallets[0]);
  shop = await factory.deploy();
  await shop.waitForDeployment();
  check((await provider.getCode(await shop.getAddress())).length > 100, "the shop has code");
  check((await shop.owner()) === wallets[0].address, "the deployer owns it");
}

async function readChain() {
  const { chainId } = await provider.getNetwork();
  check(chainId === 31337n, "chain id");
  const block = await provider.getBlock("latest", true);
  check(block.hash.length === 66 && block.number >= 1, "the newest block");
  check((await provider.getFeeData()).maxFeePerGas > 0n, "fee data");
  check((await provider.getBalance(wallets[1].address)) > 0n, "a balance");
  check((await provider.getBlock(0)).number === 0, "genesis");
  check((await provider.getTransaction(ethers.ZeroHash)) === null, "no such transaction");
}

async function sendAndWait() {
  const sent = await shop.add_option(1n, "pillar");
  const receipt = await sent.wait();
  check(receipt.status === 1, "the option is added");
  const event = shop.interface.parseLog(receipt.logs[0]);
  check(event.name === "OptionAdded" && event.args.name === "pillar", "its event");
  const found = await shop.queryFilter(shop.filters.OptionAdded, receipt.blockNumber);
  check(found.length === 1 && found[0].transactionHash === sent.hash, "found by filter");
  const back = await provider.getTransaction(sent.hash);
  check(back.from === wallets[0].address && back.blockNumber === receipt.blockNumber, "found again");
}

async function errorsWithReasons() {
  const stranger = shop.connect(wallets[1]);
  for (const work of [
    () => stranger.set_paused.staticCall(true),
    () => stranger.set_paused.estimateGas(true),
    () => stranger.set_paused(true),
  ]) {
    const error = await failure(work, "a stranger pauses the shop");
    check(error.code === "CALL_EXCEPTION" && error.reason === "not_authorized", `reason, not ${error}`);
  }
  const sent = await stranger.set_paused(true, { gasLimit: 200_000n });
  const error = await failure(() => sent.wait(), "a reverted transaction");
  check(error.code === "CALL_EXCEPTION" && error.receipt.status === 0, "the receipt says so");
  const poor = ethers.Wallet.createRandom(provider);
  const funds = await failure(() => poor.sendTransaction({ to: poor.address, value: 1n }), "no funds");
  check(funds.code === "INSUFFICIENT_FUNDS", `INSUFFICIENT_FUNDS, not ${funds.code}`);
  const nonce = await failure(() => wallets[0].sendTransaction({ to: poor.address, nonce: 0 }), "an old nonce");
  check(nonce.code === "NONCE_EXPIRED", `NONCE_EXPIRED, not ${nonce.code}`);
}

async function manyAtOnce() {
  const manager = new ethers.NonceManager(wallets[2]);
  const to = ethers.Wallet.createRandom().address;
  const sent = await Promise.all(Array.from({ length: 10 }, () => manager.sendTransaction({ to, value: 1n })));
  await Promise.all(sent.map((tx) => tx.wait()));
  check((await provider.getBalance(to)) === 10n, "ten transfers arrived");
}

async function subscriptions() {
  const socket = new ethers.WebSocketProvider(ws);
  const listening = shop.connect(socket);
  const heard = new Promise((resolve) => listening.on("OptionAdded", (...values) => resolve(values.at(-2))));
  const block = new Promise((resolve) => socket.on("block", resolve));
  const pending = new Promise((resolve) => socket.on("pending", resolve));
  await socket.getBlockNumber();
  await new Promise((resolve) => setImmediate(resolve));
  await (await shop.add_option(1n, "taper")).wait();
  check((await heard) !== undefined, "the event is heard");
  check((await block) >= 1, "a block is heard");
  check((await pending).length === 66, "a pending transaction is heard");
  await socket.destroy();
}

async function polling() {
  const polled = new ethers.JsonRpcProvider(http, undefined, { polling: true, pollingInterval: 50 });
  const heard = new Promise((resolve) => shop.connect(polled).once("OptionAdded", resolve));
  await polled.getBlockNumber();
  const sent = [];
  const send = async (at) => (await shop.add_option(2n, `scent ${at}`)).wait();
  const timer = setInterval(() => sent.push(send(sent.length)), 300);
  await heard;
  clearInterval(timer);
  await Promise.all(sent);
  polled.destroy();
  check(true, "the event is found by polling");
}

async function nodeSigns() {
  const signer = await provider.getSigner(0);
  const message = await signer.signMessage("candles");
  check(ethers.verifyMessage("candles", message) === signer.address, "personal_sign");
  const domain = { name: "shop", chainId: 31337n };
  const types = { Order: [{ name: "quantity", type: "uint256" }] };
  const typed = await signer.signTypedData(domain, types, { quantity: 3n });
  check(ethers.verifyTypedData(domain, types, { quantity: 3n }, typed) === signer.address, "typed data");
  const sent = await signer.sendTransaction({ to: wallets[2].address, value: 5n });
  check((await sent.wait()).status === 1, "the node signs a transfer");
}

async function delegation() {
  const target = await shop.getAddress();
  const nonce = await wallets[1].getNonce();
  const authorization = await wallets[1].authorize({ address: target, nonce: nonce + 1 });
  const sent = await wallets[1].sendTransaction({
    type: 4,
    to: wallets[1].address,
    value: 0n,
    data: shop.interface.encodeFunctionData("catalogue_version"),
    authorizationList: [authorization],
    gasLimit: 300_000n,
  });
  await sent.wait();
  const code = await provider.getCode(wallets[1].address);
  check(code === `0xef0100${target.slice(2).toLowerCase()}`, "the account stands for the shop");
}

async function devMethods() {
  const snapshot = await provider.send("evm_snapshot", []);
  // Not getBlockNumber: ethers keeps its answer for a moment.
  const height = Number(await provider.send("eth_blockNumber", []));
  await provider.send("evm_increaseTime", [3600]);
  await provider.send("evm_mine", []);
  const before = await provider.getBlock(height);
  const after = await provider.getBlock(height + 1);
  check(after.timestamp >= before.timestamp + 3600, "an hour later");
  const rich = ethers.Wallet.createRandom().address;
  await provider.send("hardhat_setBalance", [rich, "0xde0b6b3a7640000"]);
  await provider.send("hardhat_impersonateAccount", [rich]);
  const signer = new ethers.JsonRpcSigner(provider, rich);
  const sent = await signer.sendTransaction({ to: wallets[0].address, value: 7n });
  check((await sent.wait()).from === rich, "sent in another's name");
  check(await provider.send("evm_revert", [snapshot]), "reverted");
  check((await provider.send("eth_blockNumber", [])) === ethers.toQuantity(height), "back at the height");
}

run([
  ["deploy", deploy],
  ["read", readChain],
  ["send", sendAndWait],
  ["errors", errorsWithReasons],
  ["many", manyAtOnce],
  ["subscriptions", subscriptions],
  ["polling", polling],
  ["node signs", nodeSigns, "dev"],
  ["delegation", delegation],
  ["dev methods", devMethods, "dev"],
]);
