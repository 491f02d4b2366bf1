"""All checkers over one history: what was violated, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from node.simulation.checkers import agreement, signatures
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
    sets = agreement.validators_by_height(genesis, finals)
    yield from signatures.prepares(history, signed, sets)
    yield from liveness(world)
    for overflow in history.overflows:
        yield f"bounds: {overflow}"
    for lost in history.untraced:
        yield f"trace: a transaction left the pool of {lost} without a reason"
    yield from endings(history, honest)
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


def endings(history: History, honest: list[str]) -> Iterator[str]:
    """Nodes end for disks that failed, and for nothing else."""
    for ended in history.ended:
        code = getattr(ended.error, "exit_code", None)
        if ended.host in honest and code != 4:
            yield f"ending: {ended.host} ended by itself: {ended.error!r}"
