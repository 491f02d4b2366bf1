// Hardhat 3 as a library of scripts: hardhat-ethers, network-helpers, Ignition.

import { createRequire } from "node:module";

const { http, kind, KEYS, artifact, check, failure, run } = createRequire(import.meta.url)("./common.cjs");
process.env.CHAIN_HTTP = http;
if (kind === "network") process.env.CHAIN_KEYS = KEYS.join(",");
process.env.HARDHAT_IGNITION_CONFIRM_DEPLOYMENT = "false";

const { network } = await import("hardhat");
const { buildModule } = await import("@nomicfoundation/hardhat-ignition/modules");
const { ethers, ignition, networkHelpers } = await network.connect({ network: "chain" });
const { abi, bytecode } = artifact;
const shopArtifact = {
  _format: "hh3-artifact-1",
  contractName: "Shop",
  sourceName: "Shop.vy",
  inputSourceName: "Shop.vy",
  abi,
  bytecode,
  deployedBytecode: artifact.deployed_bytecode,
  linkReferences: {},
  deployedLinkReferences: {},
};

async function scripts() {
  const [owner, stranger] = await ethers.getSigners();
  const factory = await ethers.getContractFactory(abi, bytecode, owner);
  const shop = await factory.deploy();
  await shop.waitForDeployment();
  const receipt = await (await shop.add_option(0n, "pillar")).wait();
  check(receipt.logs[0].fragment.name === "OptionAdded", "the event");
  const error = await failure(() => shop.connect(stranger).set_paused(true), "a stranger pauses");
  check(`${error}`.includes("not_authorized"), `the reason, not ${error}`);
}

async function deployed() {
  const module = buildModule("ShopModule", (m) => {
    const shop = m.contract("Shop", shopArtifact, []);
    const shape = m.call(shop, "add_option", [0n, "pillar"], { id: "shape" });
    m.call(shop, "add_option", [1n, "small"], { id: "size", after: [shape] });
    return { shop };
  });
  // Blocks are final at once: nobody needs to wait for more of them.
  const { shop } = await ignition.deploy(module, { config: { requiredConfirmations: 1 } });
  check((await shop.catalogue_version()) > 0n, "deployed and called");
}

async function helpers() {
  const { time } = networkHelpers;
  const [owner] = await ethers.getSigners();
  const other = ethers.getAddress(`0x${"ab".repeat(20)}`);
  const snapshot = await networkHelpers.takeSnapshot();
  const then = await time.latest();
  await time.increase(3600);
  check((await time.latest()) === then + 3600, "time.increase");
  const height = await time.latestBlock();
  await networkHelpers.mine(5, { interval: 7 });
  check((await time.latestBlock()) === height + 5, "mine five");
  await networkHelpers.setBalance(other, 10n ** 18n);
  await networkHelpers.impersonateAccount(other);
  const signer = await ethers.getSigner(other);
  await (await signer.sendTransaction({ to: owner.address, value: 1n })).wait();
  await networkHelpers.stopImpersonatingAccount(other);
  await networkHelpers.setCode(other, "0x602a5f5260205ff3");
  check((await ethers.provider.call({ to: other })).endsWith("2a"), "setCode");
  await networkHelpers.setNonce(other, 77);
  check((await ethers.provider.getTransactionCount(other)) === 77, "setNonce");
  await snapshot.restore();
  check((await time.latest()) === then, "restored");
  async function fixture() {
    await networkHelpers.setBalance(other, 5n);
    return 5n;
  }
  check((await networkHelpers.loadFixture(fixture)) === 5n, "a fixture");
  await networkHelpers.setBalance(other, 6n);
  await networkHelpers.loadFixture(fixture);
  check((await ethers.provider.getBalance(other)) === 5n, "a fixture again");
}

const flows = [["scripts", scripts], ["Ignition", deployed]];
// network-helpers look at the client's name: start with --compat anvil.
if (kind === "dev") flows.push(["network-helpers", helpers]);
run(flows);
