"""Which signatures peers hold of whom: how a restored or cloned safety log is noticed.

Every node keeps the newest messages it saw of each validator. A validator that starts
asks its peers for those of its own, and takes part only when as many have answered as
it needs for a quorum; then it asks again from time to time. A signature that its own
log lacks was made by a copy of it, or before an older log was restored: it is forbidden
(durably) to sign up to the height after the highest one seen.
"""

import logging
from collections.abc import Callable, Sequence

from node.consensus import codec
from node.consensus.events import SigningForbidden
from node.consensus.messages import (
    BlockReference,
    Message,
    ProposalMessage,
    RoundChange,
    RoundChangeMessage,
)
from node.consensus.safety import SafetyRecord
from node.driver.background import Alarm
from node.driver.context import Context
from node.primitives.types import Address, Hash32
from node.sync.messages import MAX_OBSERVED_SIGNATURES, GetSignatures, Signatures

MAX_OBSERVED_VALIDATORS = 128
KEPT_HEIGHTS = 16
MAX_FOUND = 64
"""Signatures that were found in the log, by their bytes: every peer sends the same."""

Key = tuple[int, int, int]  # height, round, code
log = logging.getLogger(__name__)


class Observed:
    """The newest messages of each validator, for whoever asks."""

    def __init__(self) -> None:
        self._messages: dict[Address, dict[Key, Message]] = {}

    def note(self, message: Message) -> None:
        """A message of a validator was received or signed."""
        author, key = message.signed.author, _key_of(message)
        held = self._messages.get(author)
        if held is None:
            if len(self._messages) >= MAX_OBSERVED_VALIDATORS:
                return
            held = self._messages[author] = {}
        newest = next(iter(held))[0] if held else key[0]  # all are of one height
        if key[0] < newest:
            return
        if key[0] > newest:
            held.clear()
        held[key] = _bare(message)
        if len(held) > MAX_OBSERVED_SIGNATURES:
            del held[min(held)]

    def answer(self, request: GetSignatures) -> Signatures:
        """What is held of the validator."""
        held = self._messages.get(request.validator, {})
        messages = tuple(codec.encode_message(held[key]) for key in sorted(held))
        return Signatures(request.request_id, messages)


class OwnSignatures:
    """Watches for signatures of ours that our log lacks."""

    def __init__(self, context: Context, on_enough: Callable[[], None]) -> None:
        self._context = context
        self._on_enough = on_enough
        self._known: dict[Key, Hash32 | None] = {}
        self._found: dict[bytes, None] = {}
        self._asked: dict[Address, int] = {}
        self._answered: dict[Address, None] = {}
        self._sign_above = 0
        self._request_id = 0
        self._alarm = Alarm(context.ports.clock, self._on_due)

    @property
    def is_confirmed(self) -> bool:
        """Whether enough peers have said what they hold."""
        validators = self._context.head.validators
        own = self._context.ports.signer.address
        if own not in validators:
            return True
        answered = sum(peer in validators for peer in self._answered)
        return answered + 1 >= validators.quorum

    def start(self) -> None:
        """Take up the log, and ask whoever is connected."""
        state = self._context.ports.safety.load()
        self._sign_above = state.sign_above
        self.note(state.records)
        self._on_due()

    def note(self, records: Sequence[SafetyRecord]) -> None:
        """These are about to be signed (or were, says the log)."""
        for record in records:
            key = (record.height, record.round, int(record.code))
            self._known[key] = record.digest
        if records:
            oldest = records[-1].height - KEPT_HEIGHTS
            if min(self._known)[0] < oldest:
                self._known = {k: d for k, d in self._known.items() if k[0] >= oldest}

    def on_connected(self, peer: Address) -> None:
        """Ask it."""
        if self._context.ports.safety.load().can_sign:
            self._ask(peer)

    def on_disconnected(self, peer: Address) -> None:
        """It will not answer."""
        self._asked.pop(peer, None)

    def on_signatures(self, peer: Address, answer: Signatures) -> None:
        """What a peer holds of ours."""
        if self._asked.get(peer) != answer.request_id:
            return  # not asked for, or asked again meanwhile: that answer will come
        del self._asked[peer]
        context = self._context
        heights = []
        for raw in answer.messages[:MAX_OBSERVED_SIGNATURES]:
            if raw in self._found:
                continue
            try:
                message = codec.decode_message(
                    raw, context.domain, context.ports.verifier
                )
            except codec.MessageInvalid as error:
                context.ports.network.report(peer, f"Signatures: {error}")
                return
            if self._is_lacking(message):
                heights.append(message.signed.payload.height)
            else:
                self._keep_found(raw)
        if heights:
            self._forbid(max(heights) + 1)
        self._answered[peer] = None
        if self.is_confirmed:
            self._on_enough()

    def close(self) -> None:
        """Ask no more."""
        self._alarm.set(None)

    def _keep_found(self, raw: bytes) -> None:
        if len(self._found) >= MAX_FOUND:
            del self._found[next(iter(self._found))]
        self._found[raw] = None

    def _is_lacking(self, message: Message) -> bool:
        if message.signed.author != self._context.ports.signer.address:
            return False
        key = _key_of(message)
        oldest = min(self._known)[0] if self._known else 0
        if key[0] < oldest:
            return False  # too long ago to tell
        return key not in self._known or self._known[key] != _digest_of(message)

    def _forbid(self, height: int) -> None:
        if height <= self._sign_above:
            return
        self._sign_above = height
        log.error(
            "peers hold signatures of this validator that its safety log lacks (an "
            "older copy was restored, or the key is in use elsewhere): it signs "
            "nothing up to height %d",
            height,
        )
        self._context.post(SigningForbidden(self._context.now_ms, height))
        self._context.tasks.spawn(self._make_durable(height))

    async def _make_durable(self, height: int) -> None:
        safety = self._context.ports.safety
        await self._context.write(lambda: safety.forbid(height))

    def _on_due(self) -> None:
        context = self._context
        if not context.ports.safety.load().can_sign:
            return
        for peer in context.ports.network.peers():
            self._ask(peer.address)
        self._alarm.set(context.now_ms + context.settings.signature_check_ms)

    def _ask(self, peer: Address) -> None:
        self._request_id += 1
        self._asked[peer] = self._request_id
        own = self._context.ports.signer.address
        question = GetSignatures(self._request_id, own)
        self._context.ports.network.send(peer, question)


def _bare(message: Message) -> Message:
    """The signature with no more than decoding needs: a PROPOSAL may be a megabyte."""
    if isinstance(message, ProposalMessage):
        return ProposalMessage(message.signed, BlockReference(message.block.header, ()))
    if isinstance(message, RoundChangeMessage):
        return RoundChangeMessage(message.signed)
    return message


def _key_of(message: Message) -> Key:
    payload = message.signed.payload
    return payload.height, payload.round, int(payload.code)


def _digest_of(message: Message) -> Hash32 | None:
    payload = message.signed.payload
    if isinstance(payload, RoundChange):
        return payload.prepared_digest
    return payload.digest
