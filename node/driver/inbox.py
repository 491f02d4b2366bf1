"""What the mesh delivers, handed to the part that handles it. Never blocks."""

import logging
from dataclasses import dataclass

from node.consensus.events import MessageReceived, PeerConnected
from node.consensus.messages import (
    CommitMessage,
    Message,
    PrepareMessage,
    ProposalMessage,
    RoundChangeMessage,
)
from node.driver.blocks.fetching import Fetching
from node.driver.context import Context
from node.driver.peers.admission import Admission
from node.driver.peers.catching_up import CatchingUp
from node.driver.peers.lost_logs import LostLogs
from node.driver.peers.requests import Requests
from node.driver.peers.serving import Serving
from node.driver.peers.signatures import Observed, OwnSignatures
from node.driver.peers.spreading import Spreading
from node.driver.ports import WireMessage
from node.gossip.messages import (
    GetTransactions,
    Status,
    TransactionBatch,
    Transactions,
)
from node.primitives.types import Address
from node.sync.messages import (
    BlockByDigest,
    Blocks,
    GetBlockByDigest,
    GetBlocks,
    GetSignatures,
    Signatures,
)

CONSENSUS = (PrepareMessage, CommitMessage, ProposalMessage, RoundChangeMessage)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeerInbox:
    """`node.driver.ports.Inbox`: give it to the mesh."""

    context: Context
    admission: Admission
    fetching: Fetching
    catching_up: CatchingUp
    serving: Serving
    observed: Observed
    own: OwnSignatures
    lost_logs: LostLogs
    requests: Requests
    spreading: Spreading

    def on_message(self, peer: Address, message: WireMessage) -> None:
        """One decoded message of an authenticated peer."""
        if isinstance(message, CONSENSUS):
            self._on_consensus(peer, message)
            return
        match message:
            case TransactionBatch():
                gossip = self.spreading.gossip
                fresh = gossip.screen(peer, message.transactions)
                self.admission.offer(fresh, peer)
            case GetTransactions():
                self.serving.on_get_transactions(peer, message)
            case Transactions():
                self.fetching.on_transactions(peer, message)
            case Status():
                self._on_status(peer, message)
            case GetBlocks():
                self.serving.on_get_blocks(peer, message)
            case Blocks():
                self.catching_up.on_blocks(peer, message)
            case GetBlockByDigest():
                self.serving.on_get_block_by_digest(peer, message)
            case BlockByDigest():
                self.requests.on_answer(peer, message)
            case GetSignatures():
                self.serving.on_get_signatures(peer, message)
            case Signatures():
                self.own.on_signatures(peer, message)

    def on_connected(self, peer: Address) -> None:
        """It may have missed our messages, and we its."""
        self.spreading.on_connected(peer)
        self.own.on_connected(peer)
        self.context.post(PeerConnected(self.context.now_ms, peer))

    def on_disconnected(self, peer: Address) -> None:
        """What it was asked is asked of others."""
        self.spreading.on_disconnected(peer)
        self.requests.on_disconnected(peer)
        self.serving.on_disconnected(peer)
        self.own.on_disconnected(peer)
        self.catching_up.on_disconnected(peer)

    def _on_consensus(self, peer: Address, message: Message) -> None:
        context, payload = self.context, message.signed.payload
        if payload.height <= context.height:
            context.measures.late_messages[payload.code.name.lower()] += 1
        if message.signed.author in context.head.validators:
            self.observed.note(message)
        context.post(MessageReceived(context.now_ms, peer, message))

    def _on_status(self, peer: Address, status: Status) -> None:
        head = self.context.head.header
        if status.height == head.number and status.digest != head.digest:
            log.error(
                "peer 0x%s names another block at height %d: 0x%s here, 0x%s there",
                peer.hex(),
                head.number,
                head.digest.hex(),
                status.digest.hex(),
            )
        self.lost_logs.on_status(peer, status)
        self.spreading.on_status(peer, status)
        self.catching_up.on_status(peer, status)
