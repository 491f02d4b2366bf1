// A project without sources: the artifact is given, the network is the node's.

require("@nomicfoundation/hardhat-ethers");
require("@nomicfoundation/hardhat-ignition-ethers");

// Validators hold no keys of users: there the project signs itself.
const accounts = process.env.CHAIN_KEYS ? process.env.CHAIN_KEYS.split(",") : "remote";

module.exports = {
  solidity: "0.8.28",
  defaultNetwork: "node",
  networks: { node: { url: process.env.CHAIN_HTTP, chainId: 31337, accounts } },
  paths: { root: process.env.HARDHAT_PROJECT, cache: `${process.env.HARDHAT_PROJECT}/cache` },
};
