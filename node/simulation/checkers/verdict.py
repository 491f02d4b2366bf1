"""All checkers over one history: what was violated, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from node.chain.signing import SigningDomain
from node.simulation.checkers import agreement, signatures
from node.simulation.checkers.evidence import true_evidence, whole_evidence
from node.simulation.history import History
from node.simulation.plan import Kind
from node.simulation.world import World, resume_bound_s

MOST_FINDINGS = 12
"""A broken run breaks everywhere; so many findings say enough."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """No findings: every claim held."""

    findings: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was violated."""
        return not self.findings


def verdict_of(world: World) -> Verdict:
    """Judge what honest hosts did."""
    found = list(dict.fromkeys(_findings(world)))
    return Verdict(tuple(found[:MOST_FINDINGS]))


def _findings(world: World) -> Iterator[str]:
    history, genesis = world.history, world.genesis
    honest = [host.name for host in world.honest]
    finals = [f for f in history.finals if f.host in honest]
    signed = [s for s in history.signed if s.host in honest]
    signed = signatures.not_forgiven(signed, history.recovered)
    yield from agreement.agreement(finals)
    yield from agreement.certificates(genesis, finals)
    yield from agreement.validity(genesis, finals)
    yield from agreement.exactly_once(history, finals)
    jumps = [f.value for f in world.plan.faults if f.kind is Kind.JUMP]
    yield from agreement.timestamps(genesis, finals, int(max([0, *jumps])))
    yield from signatures.contradictions(signed)
    yield from signatures.locks(signed)
    yield from signatures.durability(signed)
    yield from signatures.rounds(signed)
    chain = signatures.Chain(
        agreement.validators_by_height(genesis, finals),
        {0: genesis.header, **{f.block.header.number: f.block.header for f in finals}},
    )
    yield from signatures.proposals(signed, chain)
    yield from signatures.prepares(history, signed, chain)
    yield from evidence(world)
    yield from liveness(world)
    for overflow in history.overflows:
        yield f"bounds: {overflow}"
    for lag in history.lags:
        yield f"rounds: {lag}"
    for lost in history.untraced:
        yield f"trace: a transaction left the pool of {lost} without a reason"
    yield from endings(history, honest, world.plan.wiped)
    for failure in world.loop.failures:
        yield f"internal error: {failure}"


def liveness(world: World) -> Iterator[str]:
    """Every honest host goes on in time, and every client has what it wanted."""
    history, bound_s = world.history, resume_bound_s(world.plan)
    for host in world.honest:
        resumed_ms = history.resumed_ms.get(host.name)
        if resumed_ms is None:
            yield f"liveness: {host.name} made no block final in {bound_s:g} s"
    for client in history.unfinished:
        yield f"liveness: {client}"


def evidence(world: World) -> Iterator[str]:
    """What honest hosts keep as evidence is true, and all they must keep."""
    domain = SigningDomain(world.genesis.chain_id, world.genesis.digest)
    guilty = (*world.plan.faulty, *world.plan.wiped)
    for host in world.honest:
        kept = tuple(host.store.evidence())
        yield from true_evidence(host.name, kept, domain, guilty)
        yield from whole_evidence(world.history, host.name, kept)


def endings(
    history: History, honest: list[str], wiped: tuple[str, ...]
) -> Iterator[str]:
    """Nodes end for disks that failed and for too many lost logs, for nothing else."""
    for ended in history.ended:
        code = getattr(ended.error, "exit_code", None)
        is_right = code == 4 or (code == 3 and ended.host in wiped)
        if ended.host in honest and not is_right:
            yield f"ending: {ended.host} ended by itself: {ended.error!r}"
