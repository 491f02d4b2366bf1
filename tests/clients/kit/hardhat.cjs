// Hardhat 2 as a library of scripts: hardhat-ethers, network-helpers, Ignition.

const { mkdtempSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { http, KEYS, artifact, check, failure, run, kind } = require("./common.cjs");

process.env.CHAIN_HTTP = http;
if (kind === "network") process.env.CHAIN_KEYS = KEYS.join(",");
process.env.HARDHAT_PROJECT = mkdtempSync(join(tmpdir(), "hardhat-"));
process.env.HARDHAT_CONFIG = join(__dirname, "hardhat", "hardhat.config.cjs");
process.env.HARDHAT_IGNITION_CONFIRM_DEPLOYMENT = "false";
process.chdir(process.env.HARDHAT_PROJECT);

const hre = require("hardhat");
const { buildModule } = require("@nomicfoundation/hardhat-ignition/modules");
const { abi, bytecode } = artifact;
const shopArtifact = {
  _format: "hh-sol-artifact-1",
  contractName: "Shop",
  sourceName: "Shop.vy",
  abi,
  bytecode,
  deployedBytecode: artifact.deployed_bytecode,
  linkReferences: {},
  deployedLinkReferences: {},
};

async function scripts() {
  const [owner, stranger] = await hre.ethers.getSigners();
  const factory = await hre.ethers.getContractFactory(abi, bytecode, owner);
  const shop = await factory.deploy();
  await shop.waitForDeployment();
  const receipt = await (await shop.add_option(0n, "pillar")).wait();
  check(receipt.logs[0].fragment.name === "OptionAdded", "the event");
  const error = await failure(() => shop.connect(stranger).set_paused(true), "a stranger pauses");
  check(`${error}`.includes("not_authorized"), `the reason, not ${error}`);
}

async function ignition() {
  const module = buildModule("ShopModule", (m) => {
    const shop = m.contract("Shop", shopArtifact, []);
    const shape = m.call(shop, "add_option", [0n, "pillar"], { id: "shape" });
    m.call(shop, "add_option", [1n, "small"], { id: "size", after: [shape] });
    return { shop };
  });
  const { shop } = await hre.ignition.deploy(module, {
    // Blocks are final at once: nobody needs to wait for more of them.
    config: { requiredConfirmations: 1 },
  });
  check((await shop.catalogue_version()) > 0n, "deployed and called");
}

async function helpers() {
  const helpers = require("@nomicfoundation/hardhat-network-helpers");
  const [owner] = await hre.ethers.getSigners();
  const other = hre.ethers.getAddress(`0x${"ab".repeat(20)}`);
  const snapshot = await helpers.takeSnapshot();
  const then = await helpers.time.latest();
  await helpers.time.increase(3600);
  check((await helpers.time.latest()) === then + 3600, "time.increase");
  await helpers.time.increaseTo(then + 7200);
  check((await helpers.time.latest()) === then + 7200, "time.increaseTo");
  await helpers.time.setNextBlockTimestamp(then + 9000);
  await helpers.mine();
  check((await helpers.time.latest()) === then + 9000, "setNextBlockTimestamp");
  const height = await helpers.time.latestBlock();
  await helpers.mine(5, { interval: 7 });
  check((await helpers.time.latestBlock()) === height + 5, "mine five");
  await helpers.mineUpTo(height + 8);
  check((await helpers.time.latestBlock()) === height + 8, "mineUpTo");
  await helpers.setBalance(other, 10n ** 18n);
  await helpers.impersonateAccount(other);
  const signer = await hre.ethers.getSigner(other);
  await (await signer.sendTransaction({ to: owner.address, value: 1n })).wait();
  await helpers.stopImpersonatingAccount(other);
  await helpers.setCode(other, "0x602a5f5260205ff3");
  check((await hre.ethers.provider.call({ to: other })).endsWith("2a"), "setCode");
  await helpers.setStorageAt(other, 1, 9);
  check(BigInt(await helpers.getStorageAt(other, 1)) === 9n, "setStorageAt");
  await helpers.setNonce(other, 77);
  check((await hre.ethers.provider.getTransactionCount(other)) === 77, "setNonce");
  await helpers.setNextBlockBaseFeePerGas(5_000_000);
  await helpers.mine();
  check((await hre.ethers.provider.getBlock("latest")).baseFeePerGas === 5_000_000n, "base fee");
  await helpers.setPrevRandao(42);
  await helpers.mine();
  check(BigInt((await hre.ethers.provider.getBlock("latest")).prevRandao ?? 42) === 42n, "prevRandao");
  await helpers.setCoinbase(other);
  await helpers.setBlockGasLimit(20_000_000);
  await helpers.mine();
  const block = await hre.ethers.provider.getBlock("latest");
  check(block.gasLimit === 20_000_000n && block.miner === other, "coinbase and gas limit");
  const pending = await hre.ethers.provider.send("evm_setAutomine", [false]).then(() =>
    owner.sendTransaction({ to: other, value: 1n, gasLimit: 50_000n }),
  );
  await helpers.dropTransaction(pending.hash);
  await hre.ethers.provider.send("evm_setAutomine", [true]);
  await snapshot.restore();
  check((await helpers.time.latest()) === then, "restored");
  async function fixture() {
    await helpers.setBalance(other, 5n);
    return 5n;
  }
  check((await helpers.loadFixture(fixture)) === 5n, "a fixture");
  await helpers.setBalance(other, 6n);
  await helpers.loadFixture(fixture);
  check((await hre.ethers.provider.getBalance(other)) === 5n, "a fixture again");
}

const flows = [["scripts", scripts], ["Ignition", ignition]];
// network-helpers look at the client's name: start with --compat anvil.
if (kind === "dev") flows.push(["network-helpers", helpers]);
run(flows);
