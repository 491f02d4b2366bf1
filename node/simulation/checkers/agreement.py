"""Agreement, validity and certificates: one true block a height, by its own merits.

Arithmetic and rules are written down here a second time, apart from the code under
test: a quorum is ceil(2n/3) of the validators that the parent's execution named.
"""

from collections.abc import Iterator, Sequence

from node.chain.block import Block
from node.chain.certificate import CertificateError, signers_of
from node.chain.genesis import Genesis
from node.chain.header_rules import HeaderInvalid
from node.chain.signing import SigningDomain
from node.execution.executor import BlockInvalid
from node.primitives.types import Address, Hash32
from node.simulation.history import Final, History
from node.simulation.machine.keys import SimulatedVerifier
from node.simulation.machine.ledger import Ledger, StateDisk
from node.simulation.machine.virtual_time import START_S
from node.simulation.plan import quorum_of

MAX_RATE = 1.02
"""How much faster than true time a host's clock runs at most."""


def agreement(finals: Sequence[Final]) -> Iterator[str]:
    """One hash a height among honest hosts, one block a height on one disk."""
    agreed: dict[int, tuple[str, Hash32]] = {}
    heights: dict[str, int] = {}
    for final in finals:
        header = final.block.header
        first = agreed.setdefault(header.number, (final.host, header.digest))
        if first[1] != header.digest:
            yield (
                f"agreement: height {header.number} is {first[1].hex()[:8]} at "
                f"{first[0]} and {header.digest.hex()[:8]} at {final.host}"
            )
        if header.number != heights.get(final.host, 0) + 1:
            yield f"agreement: {final.host} appended {header.number} out of order"
        heights[final.host] = header.number


def validators_by_height(
    genesis: Genesis, finals: Sequence[Final]
) -> dict[int, tuple[Address, ...]]:
    """Who signs each height, as executing its parent named them."""
    sets = {1: genesis.validators.addresses}
    for final in finals:
        sets.setdefault(final.block.header.number + 1, final.block.validators.addresses)
    return sets


def certificates(genesis: Genesis, finals: Sequence[Final]) -> Iterator[str]:
    """Every certificate is sealed by a quorum of the right set, for this block."""
    domain = SigningDomain(genesis.chain_id, genesis.digest)
    sets = validators_by_height(genesis, finals)
    checked: dict[bytes, None] = {}
    for final in finals:
        header, certificate = final.block.header, final.certificate
        place = f"certificate of height {header.number} at {final.host}"
        if (certificate.height, certificate.digest) != (header.number, header.digest):
            yield f"validity: the {place} is of another block"
        if final.block.certificate in checked:
            continue
        checked[final.block.certificate] = None
        members = sets[header.number]
        try:
            seals = signers_of(certificate, domain, SimulatedVerifier())
        except CertificateError as error:
            yield f"validity: the {place}: {error}"
            continue
        signers = dict.fromkeys(seals)
        known = [signer for signer in signers if signer in members]
        if len(known) < quorum_of(len(members)):
            yield f"validity: the {place} has {len(known)} seals of {len(members)}"


def validity(genesis: Genesis, finals: Sequence[Final]) -> Iterator[str]:
    """Every final block executes to its roots on a second executor."""
    ledger = Ledger(genesis, StateDisk())
    sets = validators_by_height(genesis, finals)
    parent = genesis.header
    for final in _longest(finals):
        header = final.block.header
        try:
            genesis.consensus.header_rules.validate(header, parent, None)
            executed = ledger.execute(final.block.block)
        except (BlockInvalid, HeaderInvalid, KeyError) as error:
            yield f"validity: block {header.number} is invalid: {error!r}"
            return
        ledger.commit(header.digest)
        if executed.validators != final.block.validators.addresses:
            yield f"validity: the set after block {header.number} is not its own"
        if header.coinbase not in sets[header.number]:
            yield f"validity: the coinbase of block {header.number} is no validator"
        if header.timestamp < parent.timestamp:
            yield f"validity: block {header.number} is older than its parent"
        parent = header


def timestamps(
    genesis: Genesis, finals: Sequence[Final], ahead_s: int
) -> Iterator[str]:
    """No block is of the future; `ahead_s` is what honest clocks were set ahead."""
    drift_s = genesis.consensus.max_clock_drift_s
    for final in _longest(finals):
        now_s = START_S + int(final.at_ms * MAX_RATE / 1000) + ahead_s
        header = final.block.header
        if header.timestamp > now_s + drift_s:
            late_s = header.timestamp - now_s
            yield f"validity: block {header.number} is {late_s} s ahead of its time"


def exactly_once(history: History, finals: Sequence[Final]) -> Iterator[str]:
    """Every acknowledged transaction is in the chain, and nothing is in it twice."""
    seen: dict[Hash32, int] = {}
    for final in _longest(finals):
        block = Block.decode(final.block.block)
        for digest in block.transaction_hashes():
            if digest in seen:
                yield f"exactly once: {digest.hex()[:8]} is in two blocks"
            seen[digest] = block.header.number
    for digest, host in history.acknowledged.items():
        if digest not in seen:
            yield f"exactly once: {digest.hex()[:8]}, acknowledged by {host}, is lost"


def _longest(finals: Sequence[Final]) -> list[Final]:
    """The chain of the host that is furthest."""
    chains: dict[str, list[Final]] = {}
    for final in finals:
        chains.setdefault(final.host, []).append(final)
    return max(chains.values(), key=len, default=[])
