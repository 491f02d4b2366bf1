// Who makes the blocks, what they said in this round, and the rounds of late.

import { facts, h, table } from "../dom.js";
import { ask } from "../rpc.js";
import { addressLink, blockLink, number } from "../show.js";

const SHOWN = 20;

export async function validators() {
  const [status, head, evidence] = await ask([["qbft_status"], ["eth_blockNumber"], ["qbft_getEvidence"]]);
  if (!status.consensus) {
    return [
      h("h1", { tabindex: "-1" }, "Validators"),
      h("p", { class: "notice" }, "A development chain: one process makes the blocks, there is no consensus."),
    ];
  }
  const { consensus } = status;
  return [
    h("h1", { tabindex: "-1" }, "Validators"),
    facts([
      ["This node", addressLink(status.node, true)],
      ["Deciding", `height ${number(consensus.height)}, round ${consensus.round}`],
      ["Phase", consensus.phase],
      ["Proposer", addressLink(consensus.proposer, true)],
      ["Signs", consensus.signing],
      ["Quorum", `${status.quorum} of ${status.validators.length}`],
      ["Peers", number(status.peers.length)],
      ["Proven misbehaviour", number(evidence.length)],
    ]),
    h("h2", {}, "The set"),
    table(
      [["Validator"], ["Reached"], ["Said in this round"]],
      status.validators.map((member) => [
        [addressLink(member.address), member.self ? " (this node)" : ""],
        h("span", { class: member.connected ? "good" : "bad" }, member.connected ? "yes" : "no"),
        member.heard.join(", ") || "nothing yet",
      ]),
      "Validators",
    ),
    h("h2", {}, "Rounds of the newest blocks"),
    await rounds(Number(head)),
  ];
}

async function rounds(head) {
  const numbers = Array.from({ length: Math.min(SHOWN, head) }, (_, at) => `0x${(head - at).toString(16)}`);
  const certificates = await ask(numbers.map((at) => ["qbft_getCommitCertificate", at]));
  return table(
    [["Block"], ["Round", "number"], ["Seals", "number"], ["Signed by", "spare"]],
    certificates
      .filter((found) => found !== null)
      .map((found) => [
        blockLink(found.height),
        number(found.round),
        number(found.seals.length),
        found.signers.map((member, at) => [at ? ", " : "", addressLink(member)]),
      ]),
    "Rounds",
  );
}
