// An order's receipt: what happened, and the node's proofs of it, as one document. The
// same that `chandlery shop receipt` makes; `chandlery verify` checks it offline.

import { fromHex } from "../bytes.js";
import { decode } from "./abi.js";
import { topicOf } from "./contract.js";
import RULES from "../rules.js";

export async function makeReceipt(contract, chainId, id, logs) {
  const { rpc } = contract;
  const times = await contract.timesOf(logs.map((log) => log.blockNumber));
  const proofs = [];
  for (const hash of new Set(logs.map((log) => log.transactionHash))) {
    proofs.push(await rpc.call("qbft_getReceiptProof", hash));
  }
  const genesis = await rpc.call("eth_getBlockByNumber", "0x0", false);
  return {
    format: "chandlery order receipt 1",
    chain_id: Number(chainId),
    genesis_hash: genesis.hash,
    shop: contract.address,
    order_id: id,
    events: logs.map((log) => describe(log, times.get(log.blockNumber))),
    proofs,
  };
}

function describe(log, time) {
  const place = { block: Number(log.blockNumber), time };
  if (log.topics[0] === topicOf("OrderPlaced")) {
    const types = Array(7).fill("uint256");
    const [shape, size, scent, quantity, total, version, deadline] = decode(
      types,
      fromHex(log.data),
    );
    return {
      event: "OrderPlaced",
      ...place,
      buyer: "0x" + log.topics[2].slice(26),
      reference: log.topics[3],
      shape: Number(shape),
      size: Number(size),
      scent: Number(scent),
      quantity: Number(quantity),
      total: String(total),
      catalogue_version: Number(version),
      deadline: Number(deadline),
    };
  }
  return {
    event: "OrderMoved",
    ...place,
    status: RULES.statuses[Number(log.topics[2]) - 1],
    actor: "0x" + log.topics[3].slice(26),
    deadline: Number(decode(["uint256"], fromHex(log.data))[0]),
  };
}
