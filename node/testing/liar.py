"""A validator that lies: `python -m node.testing.liar NODE_DIR` instead of `start`.

It runs the real node with its own key. Half of its peers hear, beside each PROPOSAL,
PREPARE and COMMIT of its own, a second one for another block, signed as correctly; its
safety log knows nothing of those. Honest validators go on without it and keep evidence.
It never holds another's key, and it is for tests: one lie is enough to be convicted.
"""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

from node.app.logs import configure_logging
from node.app.main import open_node
from node.chain.genesis import load_genesis
from node.chain.signing import SigningDomain
from node.config import load_config
from node.consensus.codec import sign_draft
from node.consensus.messages import (
    BlockReference,
    CommitDraft,
    CommitMessage,
    Draft,
    PrepareDraft,
    PrepareMessage,
    ProposalDraft,
    ProposalMessage,
)
from node.driver.ports import WireMessage
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.storage.keystore import load_node_key
from node.transport.mesh import Mesh


class Equivocator:
    """Stands between a driver and its mesh; see the module's docstring."""

    def __init__(self, mesh: Mesh, key: PrivateKey, domain: SigningDomain) -> None:
        self._mesh = mesh
        self._key = key
        self._domain = domain
        self._tell_all = mesh.broadcast
        mesh.broadcast = self.broadcast  # type: ignore[method-assign]

    def broadcast(self, message: WireMessage) -> None:
        """To all, and to half of them something else first."""
        other = self._other(message)
        if other is not None:
            peers = sorted(peer.address for peer in self._mesh.peers())
            for peer in peers[::2]:
                self._mesh.send(peer, other)
        self._tell_all(message)

    def _other(self, message: WireMessage) -> WireMessage | None:
        draft = contradiction(message)
        if draft is None or message.signed.author != self._key.address:  # type: ignore[union-attr]
            return None
        return sign_draft(draft, self._domain, self._key)


def contradiction(message: WireMessage) -> Draft | None:
    """What contradicts a message; None where nothing does."""
    if isinstance(message, ProposalMessage):
        header = message.block.header
        block = BlockReference(replace(header, timestamp=header.timestamp + 1), ())
        payload = replace(message.signed.payload, digest=block.digest)
        return ProposalDraft(payload, block, message.round_changes, message.prepares)
    if isinstance(message, PrepareMessage):
        prepare = message.signed.payload
        return PrepareDraft(replace(prepare, digest=keccak256(prepare.digest)))
    if isinstance(message, CommitMessage):
        commit = message.signed.payload
        return CommitDraft(replace(commit, digest=keccak256(commit.digest)))
    return None


async def run_liar(directory: Path) -> None:
    """Run until SIGINT or SIGTERM."""
    config = load_config(directory)
    configure_logging(config.log)
    genesis = load_genesis(directory)
    key = load_node_key(directory)
    async with open_node(config, genesis, key) as node:
        Equivocator(node.mesh, key, SigningDomain(genesis.chain_id, genesis.digest))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, node.driver.stop)
        await node.driver.run()


if __name__ == "__main__":
    asyncio.run(run_liar(Path(sys.argv[1])))
