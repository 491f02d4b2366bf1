"""What a node keeps to itself: its buffers against their named limits, its round.

Every row names the buffer and the constant that bounds it.
"""

from collections.abc import Iterator

from node.consensus.message_log import (
    FUTURE_MESSAGES_PER_PEER,
    FUTURE_PEERS,
    FUTURE_PROPOSALS_PER_PEER,
    ROUNDS_KEPT,
)
from node.consensus.round_state import MAX_KNOWN_BLOCKS, Phase
from node.driver.blocks.bodies import MAX_BODIES
from node.driver.blocks.commits import MAX_UNWRITTEN
from node.driver.blocks.fetching import MAX_STASHED
from node.driver.driver import Driver
from node.driver.loop import MAX_QUEUED
from node.driver.peers.admission import MAX_WAITING
from node.driver.peers.requests import MAX_OPEN
from node.driver.peers.serving import MAX_SERVING
from node.driver.peers.signatures import MAX_OBSERVED_VALIDATORS
from node.gossip.limits import MAX_BACKLOG, MAX_RELAY_PENDING, MAX_WANTS
from node.simulation.plan import liars_survived
from node.sync.catch_up import MAX_BUFFERED_BLOCKS, MAX_PEERS
from node.sync.messages import MAX_BLOCKS_PER_ANSWER, MAX_OBSERVED_SIGNATURES

Row = tuple[str, int, int]
MAX_SIGNATURES_KNOWN = 4_096
"""Own signatures of KEPT_HEIGHTS heights: rounds are many only in an outage."""
MAX_TASKS = 4_096
"""Tasks of one driver: a few for each event of a peer that is being answered."""


def overflows(driver: Driver) -> list[str]:
    """Buffers above their limit, with both numbers."""
    rows = [*_engine(driver), *_driver(driver), *_peers(driver)]
    return [f"{name}: {held}, limit {most}" for name, held, most in rows if held > most]


def lagging(driver: Driver) -> str:
    """Why the node should be in a later round; empty when it need not be.

    At least f+1 other validators are in that round or above it, by the messages it
    keeps: the (f+1)-th largest of their latest rounds, written down a second time.
    """
    height = driver._engine._height
    if height is None or height.state.phase is Phase.FINAL:
        return ""
    state, own = height.state, driver.inbox.context.ports.signer.address
    log, latest = state.log, list[int]()
    for who in state.validators.addresses:
        change = log._round_changes.get(who)
        rounds = [change.signed.payload.round] if change else []
        rounds += [*log._prepares.get(who, {}), *log._commits.get(who, {})]
        if who != own and rounds:
            latest.append(max(rounds))
    needed = liars_survived(len(state.validators)) + 1
    target = sorted(latest, reverse=True)[needed - 1] if len(latest) >= needed else 0
    if target <= state.round:
        return ""
    return f"stays in round {state.round}, where {needed} others are in {target}"


def _engine(driver: Driver) -> Iterator[Row]:
    engine = driver._engine
    window = engine._future
    for kept, most in (
        (window._messages, FUTURE_MESSAGES_PER_PEER),
        (window._proposals, FUTURE_PROPOSALS_PER_PEER),
    ):
        yield "peers in the future window", len(kept), FUTURE_PEERS
        yield "future messages of a peer", _longest(kept.values()), most
    if engine._height is None:
        return
    state = engine._height.state
    log = state.log
    for rounds in (log._proposals, log._prepares, log._commits):
        yield "rounds kept of a validator", _longest(rounds.values()), ROUNDS_KEPT
    yield "latest ROUND_CHANGEs", len(log._round_changes), len(state.validators)
    yield "known blocks", len(state.blocks), MAX_KNOWN_BLOCKS


def _driver(driver: Driver) -> Iterator[Row]:
    context = driver._context
    yield "queued events", len(driver._loop._events), MAX_QUEUED
    yield "bodies", len(context.bodies._bodies), MAX_BODIES + MAX_KNOWN_BLOCKS
    yield "stashed blocks", len(driver._fetching._stashed), MAX_STASHED
    yield "wanted blocks", len(driver._fetching._fetcher), MAX_WANTS
    yield "tasks", len(context.tasks._tasks), MAX_TASKS
    yield "pool", len(context.pool), context.pool.limits.transactions
    yield "gapped", context.pool.counts[1], max(1, context.pool.limits.gapped)
    yield "transactions to admit", driver._admission._count, MAX_WAITING
    yield "unwritten look-ups", context.ports.store.staged_blocks(), MAX_UNWRITTEN + 1


def _peers(driver: Driver) -> Iterator[Row]:
    inbox = driver.inbox
    yield "open questions", len(inbox.requests._open), MAX_OPEN
    served = max(inbox.serving._reading.values(), default=0)
    yield "answers in the making for a peer", served, MAX_SERVING
    observed = inbox.observed._messages
    yield "observed validators", len(observed), MAX_OBSERVED_VALIDATORS
    yield "observed of one", _longest(observed.values()), MAX_OBSERVED_SIGNATURES
    yield "own signatures known", len(inbox.own._known), MAX_SIGNATURES_KNOWN
    machine = inbox.catching_up.machine
    yield "peers of sync", len(machine._peers), MAX_PEERS
    window = MAX_BUFFERED_BLOCKS + MAX_BLOCKS_PER_ANSWER
    yield "blocks of sync", len(machine._buffer), window
    gossip = inbox.spreading.gossip
    yield "relays", gossip.relay_count, MAX_RELAY_PENDING
    longest = _longest(peer.backlog for peer in gossip._peers.values())
    yield "backlog of a peer", longest, MAX_BACKLOG


def _longest(kept: object) -> int:
    return max((len(part) for part in kept), default=0)  # type: ignore[attr-defined]
