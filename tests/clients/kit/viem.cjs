// viem 2: public, wallet and test clients; watching by filters and by WebSocket.

const viem = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { foundry } = require("viem/chains");
const { http, ws, KEYS, artifact, check, failure, run } = require("./common.cjs");

const chain = { ...foundry, rpcUrls: { default: { http: [http], webSocket: [ws] } } };
const transport = viem.http(http, { batch: true });
const reader = viem.createPublicClient({ chain, transport, pollingInterval: 50 });
const accounts = KEYS.map((key) => privateKeyToAccount(key));
const [owner, stranger, third] = accounts.map((account) =>
  viem.createWalletClient({ account, chain, transport: viem.http(http) }),
);
const { abi, bytecode } = artifact;
let address;

const wait = (hash) => reader.waitForTransactionReceipt({ hash });
const addOption = (name) => owner.writeContract({ address, abi, functionName: "add_option", args: [1n, name] });

async function deploy() {
  const receipt = await wait(await owner.deployContract({ abi, bytecode }));
  check(receipt.status === "success", "deployed");
  address = viem.getAddress(receipt.contractAddress);
  const found = await reader.readContract({ address, abi, functionName: "owner" });
  check(found === accounts[0].address, "the deployer owns it");
}

async function read() {
  check((await reader.getChainId()) === 31337, "chain id");
  const block = await reader.getBlock({ includeTransactions: true });
  check(block.transactions[0].blockHash === block.hash, "a whole block");
  check((await reader.estimateFeesPerGas()).maxFeePerGas > 0n, "fees");
  const history = await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
  check(history.baseFeePerGas.length >= 2, "fee history");
  const proof = await reader.getProof({ address, storageKeys: [viem.numberToHex(0, { size: 32 })] });
  check(proof.accountProof.length > 0 && proof.storageProof.length === 1, "a proof");
  const data = viem.encodeFunctionData({ abi, functionName: "owner" });
  const listed = await reader.createAccessList({ account: accounts[0], to: address, data });
  check(listed.gasUsed > 0n, "an access list");
  const both = ["owner", "catalogue_version"].map((functionName) => ({ address, abi, functionName }));
  const answers = await reader.multicall({ contracts: both, allowFailure: false, deployless: true });
  check(answers[0] === accounts[0].address && typeof answers[1] === "bigint", "multicall");
  check((await reader.getTransactionCount({ address: accounts[0].address, blockTag: "pending" })) > 0, "a nonce");
}

async function writeAndEvents() {
  const { request, result } = await reader.simulateContract({
    account: accounts[0],
    address,
    abi,
    functionName: "add_option",
    args: [0n, "pillar"],
  });
  check(typeof result === "bigint", "simulated");
  const receipt = await wait(await owner.writeContract(request));
  const [event] = viem.parseEventLogs({ abi, logs: receipt.logs });
  check(event.eventName === "OptionAdded" && event.args.name === "pillar", "the event");
  const logs = await reader.getContractEvents({ address, abi, eventName: "OptionAdded", fromBlock: 0n });
  check(logs.length >= 1, "found among the logs");
}

async function errors() {
  const call = { account: accounts[1], address, abi, functionName: "set_paused", args: [true] };
  for (const work of [() => reader.simulateContract(call), () => reader.estimateContractGas(call), () => stranger.writeContract(call)]) {
    const error = await failure(work, "a stranger pauses the shop");
    const reverted = error.walk((cause) => cause instanceof viem.ContractFunctionRevertedError);
    check(reverted?.reason === "not_authorized", `the reason, not ${error.shortMessage}`);
  }
  const hash = await stranger.writeContract({ ...call, gas: 200_000n });
  check((await wait(hash)).status === "reverted", "the receipt says so");
  const old = await failure(() => owner.sendTransaction({ to: address, nonce: 0, gas: 50_000n }), "an old nonce");
  check(old.walk((cause) => cause instanceof viem.NonceTooLowError), `NonceTooLowError, not ${old}`);
  const rich = await failure(() => third.sendTransaction({ to: accounts[0].address, value: 10n ** 30n }), "too much");
  check(rich.walk((cause) => cause instanceof viem.InsufficientFundsError), `InsufficientFundsError, not ${rich}`);
}

async function watching() {
  const socket = viem.createPublicClient({ chain, transport: viem.webSocket(ws) });
  const waiting = [];
  const stops = [];
  for (const client of [socket, reader]) {
    waiting.push(new Promise((resolve) => stops.push(client.watchBlockNumber({ onBlockNumber: resolve }))));
    waiting.push(
      new Promise((resolve) =>
        stops.push(client.watchContractEvent({ address, abi, eventName: "OptionAdded", onLogs: resolve })),
      ),
    );
    waiting.push(new Promise((resolve) => stops.push(client.watchPendingTransactions({ onTransactions: resolve }))));
  }
  const sent = [];
  const timer = setInterval(() => sent.push(addOption(`watched ${sent.length}`).then(wait)), 300);
  await Promise.all(waiting);
  clearInterval(timer);
  await Promise.all(sent);
  for (const stop of stops) stop();
  check(true, "blocks, events and pending transactions by WebSocket and by filters");
}

async function simulating() {
  const to = viem.padHex("0xabc", { size: 20 });
  const blocks = await reader.simulateBlocks({
    blocks: [
      {
        stateOverrides: [{ address: accounts[2].address, balance: viem.parseEther("7") }],
        calls: [
          { account: accounts[2], to, value: viem.parseEther("1") },
          { account: accounts[1], abi, to: address, functionName: "set_paused", args: [true] },
        ],
      },
    ],
  });
  check(blocks[0].calls[0].status === "success" && blocks[0].calls[0].gasUsed === 21_000n, "a transfer");
  check(blocks[0].calls[1].status === "failure", "and a call that fails");
}

async function sendingAtOnce() {
  const request = await third.prepareTransactionRequest({ to: accounts[0].address, value: 1n });
  const serialized = await third.signTransaction(request);
  const receipt = await third.sendRawTransactionSync({ serializedTransaction: serialized });
  check(receipt.status === "success", "eth_sendRawTransactionSync");
}

async function testClients() {
  for (const mode of ["anvil", "hardhat"]) {
    const test = viem.createTestClient({ chain, mode, transport: viem.http(http) });
    const other = viem.padHex(mode === "anvil" ? "0xaa1" : "0xaa2", { size: 20 });
    const snapshot = await test.snapshot();
    await test.setBalance({ address: other, value: viem.parseEther("2") });
    await test.impersonateAccount({ address: other });
    await wait(await owner.sendTransaction({ account: other, to: accounts[0].address, value: 1n }));
    await test.stopImpersonatingAccount({ address: other });
    await test.setCode({ address: other, bytecode: "0x602a5f5260205ff3" });
    check((await reader.call({ to: other })).data === viem.padHex("0x2a", { size: 32 }), "setCode");
    await test.setStorageAt({ address: other, index: 0, value: viem.padHex("0x7", { size: 32 }) });
    check(BigInt(await reader.getStorageAt({ address: other, slot: "0x0" })) === 7n, "setStorageAt");
    await test.setNonce({ address: other, nonce: 9 });
    check((await reader.getTransactionCount({ address: other })) === 9, "setNonce");
    const before = await reader.getBlock();
    await test.increaseTime({ seconds: 100 });
    await test.mine({ blocks: 3, interval: 10 });
    const after = await reader.getBlock();
    check(after.number === before.number + 3n && after.timestamp >= before.timestamp + 120n, "mine with an interval");
    await test.setNextBlockTimestamp({ timestamp: after.timestamp + 50n });
    await test.mine({ blocks: 1 });
    check((await reader.getBlock()).timestamp === after.timestamp + 50n, "setNextBlockTimestamp");
    await test.setNextBlockBaseFeePerGas({ baseFeePerGas: 12_345n });
    await test.mine({ blocks: 1 });
    check((await reader.getBlock()).baseFeePerGas === 12_345n, "setNextBlockBaseFeePerGas");
    await test.setCoinbase({ address: other });
    await test.setAutomine(false);
    check((await test.getAutomine()) === false, "getAutomine");
    const hash = await third.sendTransaction({ to: accounts[0].address, value: 1n, gas: 21_000n });
    check((await test.getTxpoolStatus()).pending === 1, "txpool status");
    check(Object.keys((await test.getTxpoolContent()).pending).length === 1, "txpool content");
    await test.dropTransaction({ hash });
    check((await test.getTxpoolStatus()).pending === 0, "dropTransaction");
    await test.setAutomine(true);
    if (mode === "anvil") {
      await test.setBlockTimestampInterval({ interval: 5 });
      await test.removeBlockTimestampInterval();
      const state = await test.dumpState();
      await test.loadState({ state });
    }
    await test.revert({ id: snapshot });
    check((await reader.getBalance({ address: other })) === 0n, "reverted");
  }
}

async function debugTrace() {
  const hash = await addOption("traced");
  await wait(hash);
  const test = viem.createTestClient({ chain, mode: "anvil", transport: viem.http(http) });
  const trace = await test.request({ method: "debug_traceTransaction", params: [hash, { tracer: "callTracer" }] });
  check(trace.to === address.toLowerCase(), "a call trace");
}

run([
  ["deploy", deploy],
  ["read", read],
  ["write", writeAndEvents],
  ["errors", errors],
  ["watch", watching],
  ["simulate", simulating],
  ["send and wait", sendingAtOnce],
  ["test clients", testClients, "dev"],
  ["trace", debugTrace],
]);
