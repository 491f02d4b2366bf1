"""The network between simulated hosts: delay, loss, repetition, disorder, cuts.

A `Port` is one host's `node.driver.ports.Network`. Consensus messages travel as bytes:
each is encoded and decoded once, so that what the codec refuses never arrives. Without
faults messages between two hosts keep their order, as on one connection. A cut is
noticed by both ends (the connection is gone) or by neither (messages vanish).
"""

from collections.abc import Sequence
from contextvars import Context
from random import Random
from typing import Protocol

from node.chain.signing import SigningDomain
from node.consensus import codec
from node.consensus.messages import (
    CommitMessage,
    PrepareMessage,
    ProposalMessage,
    RoundChangeMessage,
)
from node.driver.ports import Inbox, PeerInfo, WireMessage
from node.primitives.types import Address
from node.simulation.history import History, describe
from node.simulation.machine.keys import SimulatedVerifier, address_of, name_of
from node.simulation.machine.virtual_time import VirtualLoop

CONSENSUS = (ProposalMessage, PrepareMessage, CommitMessage, RoundChangeMessage)
MIN_DELAY_S, MAX_DELAY_S = 0.002, 0.03
DECODED_KEPT = 256
"""Messages whose decoding is remembered: they are sent again and again."""


class Corruption(Protocol):
    """What a liar makes of what its node sends and receives."""

    def outgoing(self, peer: Address, message: WireMessage) -> list[WireMessage]: ...

    def incoming(self, peer: Address, message: WireMessage) -> None: ...


class Witness(Protocol):
    """Sees what a host sends and receives."""

    def on_sent(self, message: WireMessage) -> None: ...

    def on_received(self, message: WireMessage) -> None: ...


class Wire:
    """All links, and what is wrong with them now."""

    def __init__(
        self,
        loop: VirtualLoop,
        random: Random,
        domain: SigningDomain,
        history: History,
    ) -> None:
        self._loop = loop
        self._random = random
        self._domain = domain
        self._history = history
        self._last_s: dict[tuple[str, str], float] = {}
        self._decoded: dict[bytes, WireMessage] = {}
        self.ports: dict[str, Port] = {}
        self.loss = 0.0
        self.repeat = 0.0
        self.muted: dict[int, list[float]] = {}
        """Loss of consensus messages by their code, one for each fault."""
        self.shuffled = 0
        """By how many faults messages lose their order."""
        self.slow_s = 0.0
        self.vanishing: dict[tuple[str, str], int] = {}
        """Directed links on which messages vanish, and by how many faults."""
        self.severed: dict[tuple[str, str], int] = {}
        """Links without a connection, both ways."""

    def join(self, port: "Port") -> None:
        """A host is up: it connects to everyone it can reach."""
        self.ports[port.name] = port
        for other in list(self.ports.values()):
            self.connect(port, other)

    def leave(self, port: "Port") -> None:
        """A host is down: its connections break."""
        self.ports.pop(port.name, None)
        for other in list(self.ports.values()):
            other.forget(port)

    def connect(self, one: "Port", other: "Port") -> None:
        """Unless they are cut, or the same validator."""
        if one.address == other.address or self.severed.get((one.name, other.name)):
            return
        if other.name not in one.links:
            one.links[other.name] = other
            other.links[one.name] = one
            for near, far in ((one, other), (other, one)):
                delay_s = self._delay_s()
                self._loop.call_later(delay_s, near.greet, far, context=near.context)

    def sever(self, one: str, other: str) -> None:
        """Break a connection for good, until `mend`."""
        for link in ((one, other), (other, one)):
            self.severed[link] = self.severed.get(link, 0) + 1
        near, far = self.ports.get(one), self.ports.get(other)
        if near and far:
            near.forget(far)
            far.forget(near)

    def mend(self, one: str, other: str) -> None:
        """Undo one `sever`."""
        for link in ((one, other), (other, one)):
            self.severed[link] -= 1
        near, far = self.ports.get(one), self.ports.get(other)
        if near and far:
            self.connect(near, far)

    def mute(self, code: int, loss: float, begins: bool) -> None:
        """Begin or end to lose messages of one kind."""
        losses = self.muted.setdefault(code, [])
        if begins:
            losses.append(loss)
        else:
            losses.remove(loss)

    def tell(self, port: "Port", gone: Address) -> None:
        """Let a host's process hear that a connection broke."""
        self._loop.call_soon(port.on_broken, gone, context=port.context)

    def vanish(self, source: str, target: str, more: int) -> None:
        """Begin (+1) or end (-1) to lose everything in one direction."""
        link = (source, target)
        self.vanishing[link] = self.vanishing.get(link, 0) + more

    def carry(self, source: "Port", target: "Port", message: WireMessage) -> None:
        """Deliver later, twice or never."""
        link = (source.name, target.name)
        loss = self._loss_of(message) if self.muted else self.loss
        if self.vanishing.get(link) or self._random.random() < loss:
            return
        copies = 2 if self._random.random() < self.repeat else 1
        now_s = self._loop.time()
        for _ in range(copies):
            at_s = now_s + self._delay_s()
            if not self.shuffled:
                at_s = max(at_s, self._last_s.get(link, 0.0))
                self._last_s[link] = at_s
            self._loop.call_at(
                at_s, target.deliver, source, message, context=target.context
            )

    def _loss_of(self, message: WireMessage) -> float:
        if isinstance(message, CONSENSUS):
            code = int(message.signed.payload.code)
            losses: list[float] = self.muted.get(code, [])
            return max(self.loss, *losses) if losses else self.loss
        return self.loss

    def passed(self, source: str, message: WireMessage) -> WireMessage | None:
        """As it arrives after the codec; None: it is no message."""
        if not isinstance(message, CONSENSUS):
            return message
        raw = codec.encode_message(message)
        self._history.note_bytes(raw)
        known = self._decoded.get(raw)
        if known is not None:
            return known
        try:
            decoded = codec.decode_message(raw, self._domain, SimulatedVerifier())
        except codec.MessageInvalid as error:
            self._history.note(source, f"refused by the codec: {error}")
            return None
        if len(self._decoded) >= DECODED_KEPT:
            del self._decoded[next(iter(self._decoded))]
        self._decoded[raw] = decoded
        return decoded

    def _delay_s(self) -> float:
        delay_s = MIN_DELAY_S + (MAX_DELAY_S - MIN_DELAY_S) * self._random.random()
        if self.slow_s:
            delay_s += self._random.random() * self.slow_s
        if self.shuffled:
            delay_s *= 1 + 10 * self._random.random()
        return delay_s


class Port:
    """One running host on the wire; a restart makes a new one."""

    def __init__(
        self, name: str, wire: Wire, history: History, context: Context
    ) -> None:
        self.name = name
        self.context = context
        """What arrives is handled in: that of the host's process."""
        self.address = address_of(name)
        self.links: dict[str, Port] = {}
        self.inbox: Inbox | None = None
        self.witness: Witness | None = None
        self.liar: Corruption | None = None
        self._wire = wire
        self._history = history

    # --- node.driver.ports.Network ---

    def send(self, peer: Address, message: WireMessage) -> None:
        """To every host of that validator."""
        if self.inbox is None:
            return
        if self.witness:
            self.witness.on_sent(message)
        self._history.note(self.name, f"-> {name_of(peer)} {describe(message)}")
        targets = [port for port in self.links.values() if port.address == peer]
        self._emit(targets, message)

    def broadcast(self, message: WireMessage) -> None:
        """To everyone connected."""
        if self.inbox is None:
            return
        if self.witness:
            self.witness.on_sent(message)
        self._history.note(self.name, f"-> all {describe(message)}")
        self._emit(list(self.links.values()), message)

    def peers(self) -> list[PeerInfo]:
        """Everyone connected, each validator once."""
        addresses = dict.fromkeys(port.address for port in self.links.values())
        return [PeerInfo(address, "", False, 0) for address in addresses]

    def report(self, peer: Address, reason: str) -> None:
        """Noted; nobody is banned here."""
        self._history.note(self.name, f"blames {name_of(peer)}: {reason}")

    def admit(self, validators: Sequence[Address]) -> None:
        """Noted; everybody may connect."""
        names = "".join(name_of(validator) for validator in validators)
        self._history.note(self.name, f"validators {names}")

    # --- the wire's side ---

    def deliver(self, source: "Port", message: WireMessage) -> None:
        """If both ends are still there."""
        if self.inbox is None or self.links.get(source.name) is not source:
            return
        if self.witness:
            self.witness.on_received(message)
        if self.liar:
            self.liar.incoming(source.address, message)
        self.inbox.on_message(source.address, message)

    def greet(self, other: "Port") -> None:
        """The connection is up."""
        if self.inbox is not None and self.links.get(other.name) is other:
            self.inbox.on_connected(other.address)

    def forget(self, other: "Port") -> None:
        """The connection broke; the process hears of it when it runs."""
        if self.links.pop(other.name, None) and self.inbox is not None:
            self._wire.tell(self, other.address)

    def on_broken(self, peer: Address) -> None:
        """Tell the process."""
        if self.inbox is not None:
            self.inbox.on_disconnected(peer)

    def emit_raw(self, targets: list["Port"], message: WireMessage) -> None:
        """Send what the liar made."""
        passed = self._wire.passed(self.name, message)
        if passed is not None:
            for target in targets:
                self._wire.carry(self, target, passed)

    def _emit(self, targets: list["Port"], message: WireMessage) -> None:
        if self.liar is None:
            self.emit_raw(targets, message)
            return
        for target in targets:
            for made in self.liar.outgoing(target.address, message):
                self.emit_raw([target], made)
