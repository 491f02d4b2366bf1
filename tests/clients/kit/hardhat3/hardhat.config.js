// A project without sources: the artifact is given, the network is the node's.

import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatIgnitionEthers from "@nomicfoundation/hardhat-ignition-ethers";
import hardhatNetworkHelpers from "@nomicfoundation/hardhat-network-helpers";

// Validators hold no keys of users: there the project signs itself.
const accounts = process.env.CHAIN_KEYS ? process.env.CHAIN_KEYS.split(",") : "remote";

export default {
  plugins: [hardhatEthers, hardhatIgnitionEthers, hardhatNetworkHelpers],
  solidity: "0.8.28",
  networks: { chain: { type: "http", url: process.env.CHAIN_HTTP, chainId: 31337, accounts } },
};
