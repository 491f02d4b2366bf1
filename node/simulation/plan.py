"""What goes wrong in one simulation, and when: all of it follows from the seed.

A plan keeps to what the protocol promises to survive: liars, twins, clones and hosts
whose safety log was lost or restored are at most f together; crashes, pauses, cuts
and disks that fail are without limit until everything heals at `heal_s`. When nobody
lies, more than f may lose their logs at once: then nothing is agreed upon until all
are recovered by hand. Each fault stands for itself, so that dropping some
(`with_faults`) leaves the rest as they were.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from node.simulation.machine.keys import NAMES

SIZES = (1, 4, 4, 4, 4, 5, 6, 7, 7, 10)
FAULTS_FROM_S, HEAL_S = 1.0, 16.0
MAX_FAULTS = 9
WIPED = 0.1
"""Of the plans in which nobody lies, so many have more than f lose their logs."""


def liars_survived(count: int) -> int:
    """f, written down apart from the code under test."""
    return (count - 1) // 3


def quorum_of(count: int) -> int:
    """ceil(2n / 3), likewise."""
    return (2 * count + 2) // 3


class Kind(StrEnum):
    """Faults that begin at a moment and end by themselves or at healing."""

    KILL = "process killed"
    POWER = "power cut"
    PAUSE = "process paused"
    BLACKOUT = "power cut of all"
    WRITE = "power cut at a durable write"
    SPLIT = "partition"
    ONE_WAY = "one-way cut"
    LINK = "link cut"
    LOSS = "messages lost"
    MUTE = "one kind of message lost"
    LOCKS = "COMMITs lost, PREPAREs in part"
    REPEAT = "messages delivered twice"
    SHUFFLE = "messages reordered"
    SLOW = "slow links"
    FULL = "disk full"
    SYNC = "failing fsync"
    JUMP = "wall clock jumps"
    LOST_LOG = "safety log lost"
    FOREIGN_LOG = "safety log of another"
    OLD_LOG = "older safety log restored"
    RECOVER = "recovered by its operator"
    CLONE = "copy of the host started"
    WIPE = "more than f safety logs lost"
    JOIN = "spare joins"
    LEAVE = "validator leaves"
    BURST = "burst of transactions"


class Lie(StrEnum):
    """What a Byzantine validator does, all the time."""

    SILENT = "silent"
    EQUIVOCATE = "two proposals a round"
    DOUBLE_SIGN = "signs every block"
    BAD_ROOT = "wrong state root"
    BAD_GAS = "wrong gas"
    BAD_SEAL = "wrong validators' hash"
    BAD_TIME = "block of the future"
    BAD_PROPOSER = "another's coinbase"
    BAD_BODY = "another body"
    UNJUSTIFIED = "bogus justification"
    REPLAY = "replays"
    OTHER_CHAIN = "signatures of another chain"
    FAR_ROUND = "rounds far away"
    WITHHOLD = "withholds bodies"
    FALSE_SYNC = "forged blocks to sync"


LIES = (*Lie, *(Lie.UNJUSTIFIED, Lie.FALSE_SYNC) * 3, Lie.EQUIVOCATE, Lie.DOUBLE_SIGN)
"""To draw from: those with the most ways to lie more often."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; what `value` means depends on the kind."""

    at_s: float
    until_s: float
    kind: Kind
    hosts: tuple[str, ...] = ()
    value: float = 0.0

    def __str__(self) -> str:
        where = f" {','.join(self.hosts)}" if self.hosts else ""
        value = f" ({self.value:g})" if self.value else ""
        return f"{self.at_s:6.2f}-{self.until_s:5.2f} s  {self.kind}{where}{value}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation: `validators` are the first names, `spare` an observer or ""."""

    seed: int
    size: int
    spare: str
    liars: tuple[tuple[str, tuple[Lie, ...]], ...]
    twins: tuple[str, ...]
    rates: tuple[float, ...]
    """Of the clocks of the validators and the spare."""
    pool_limit: int
    clients: int
    faults: tuple[Fault, ...]
    heal_s: float = HEAL_S

    @property
    def validators(self) -> tuple[str, ...]:
        """Names of the first set."""
        return tuple(NAMES[: self.size])

    @property
    def faulty(self) -> tuple[str, ...]:
        """Whose signatures prove nothing: liars, twins, clones, restored logs."""
        kinds = (Kind.OLD_LOG, Kind.CLONE)
        copied = [fault.hosts[0] for fault in self.faults if fault.kind in kinds]
        return tuple(dict.fromkeys([*(n for n, _ in self.liars), *self.twins, *copied]))

    @property
    def wiped(self) -> tuple[str, ...]:
        """Who loses its log together with more than f: may end with exit code 3."""
        lost = [fault.hosts for fault in self.faults if fault.kind is Kind.WIPE]
        return tuple(dict.fromkeys(name for names in lost for name in names))

    def with_faults(self, kept: tuple[int, ...]) -> "Plan":
        """Only the faults at these positions; liars and twins come first."""
        liars, twins = len(self.liars), len(self.twins)
        return replace(
            self,
            liars=tuple(self.liars[i] for i in range(liars) if i in kept),
            twins=tuple(self.twins[i] for i in range(twins) if i + liars in kept),
            faults=tuple(
                fault for i, fault in enumerate(self.faults, liars + twins) if i in kept
            ),
        )

    def lines(self) -> list[str]:
        """The schedule for people: one line a fault, in the order of positions."""
        liars = [f"liar {name}: {', '.join(lies)}" for name, lies in self.liars]
        twins = [
            f"twin {name}2: the key of {name} on a second host" for name in self.twins
        ]
        return [*liars, *twins, *map(str, self.faults)]


def plan_of(seed: int, size: int | None = None) -> Plan:
    """The plan of a seed; `size` fixes the number of validators."""
    random = Random(f"{seed}/plan")
    drawn = random.choice(SIZES)
    count = size or drawn
    names = list(NAMES[:count])
    budget = liars_survived(count)
    bad = random.sample(names, random.randrange(budget + 1)) if budget else []
    liars, twins, logs = _roles(bad, random)
    honest = [name for name in names if name not in bad]
    spare = NAMES[count] if count >= 4 and random.random() < 0.4 else ""
    faults = [
        _fault(random, names, honest) for _ in range(random.randrange(MAX_FAULTS))
    ]
    if any(Lie.UNJUSTIFIED in lies for _, lies in liars) and random.random() < 0.7:
        at_s = round(random.uniform(FAULTS_FROM_S, 8), 3)
        until_s = round(at_s + random.uniform(4, 8), 3)
        faults.append(Fault(at_s, until_s, Kind.LOCKS, (), 0.3))
    faults += [_dark(random, fault) for fault in faults if fault.kind is Kind.LOCKS][
        random.randrange(3) :
    ]
    for name in logs:
        faults += _log_faults(random, name, names)
    if not bad and random.random() < WIPED:
        faults.append(_wipe(random, names))
    if spare:
        faults.append(Fault(random.uniform(1, 8), HEAL_S, Kind.JOIN, (spare,)))
        if random.random() < 0.5:
            left = random.choice(honest)
            faults.append(Fault(random.uniform(8, 15), HEAL_S, Kind.LEAVE, (left,)))
    faults.sort(key=lambda fault: fault.at_s)
    drifts = random.random() < 0.5
    rates = [1 + random.uniform(-0.02, 0.02) * drifts for _ in range(count + 1)]
    return Plan(
        seed=seed,
        size=count,
        spare=spare,
        liars=tuple(liars),
        twins=tuple(twins),
        rates=tuple(round(rate, 4) for rate in rates),
        pool_limit=random.choice((12, 40, 2_000)),
        clients=random.randrange(1, 4),
        faults=tuple(faults),
    )


def _roles(
    bad: list[str], random: Random
) -> tuple[list[tuple[str, tuple[Lie, ...]]], list[str], list[str]]:
    """Who of the faulty lies, has a twin, loses its log."""
    liars, twins, logs = list[tuple[str, tuple[Lie, ...]]](), list[str](), list[str]()
    for name in bad:
        role = random.random()
        if role < 0.6:
            lies = random.sample(LIES, random.randrange(1, 6))
            liars.append((name, tuple(dict.fromkeys(lies))))
        elif role < 0.7:
            twins.append(name)
        else:
            logs.append(name)
    return liars, twins, logs


def _log_faults(random: Random, name: str, names: list[str]) -> list[Fault]:
    """Something happens to its log; of a lost one the operator may hear."""
    kind = random.choice((Kind.LOST_LOG, Kind.FOREIGN_LOG, Kind.OLD_LOG, Kind.CLONE))
    at_s = round(random.uniform(2, 12), 3)
    until_s = at_s + round(random.uniform(0.1, 2), 3)
    hosts: tuple[str, ...] = (name,)
    if kind is Kind.FOREIGN_LOG:
        hosts = (name, random.choice([other for other in names if other != name]))
    faults = [Fault(at_s, until_s, kind, hosts)]
    if kind in (Kind.LOST_LOG, Kind.FOREIGN_LOG) and random.random() < 0.7:
        at_s = round(random.uniform(until_s + 0.1, HEAL_S - 1), 3)
        faults.append(Fault(at_s, at_s + 0.3, Kind.RECOVER, (name,)))
    return faults


def _dark(random: Random, locks: Fault) -> Fault:
    """All lose their power while blocks are locked: memory holds none of them then."""
    at_s = round(random.uniform(locks.at_s, locks.until_s), 3)
    return Fault(at_s, at_s + round(random.uniform(0.1, 1), 3), Kind.BLACKOUT)


def _wipe(random: Random, names: list[str]) -> Fault:
    lost = random.randrange(liars_survived(len(names)) + 1, len(names) + 1)
    at_s = round(random.uniform(2, 12), 3)
    until_s = at_s + round(random.uniform(0.1, 2), 3)
    return Fault(at_s, until_s, Kind.WIPE, tuple(sorted(random.sample(names, lost))))


MUTED = (0, 1, 2, 2, 2, 3)
"""Codes of messages: a lost COMMIT is what locks blocks."""
POINT = (
    Kind.KILL,
    Kind.POWER,
    Kind.PAUSE,
    Kind.WRITE,
    Kind.FULL,
    Kind.SYNC,
    Kind.JUMP,
)


def _fault(random: Random, names: list[str], honest: list[str]) -> Fault:
    """One that needs no budget."""
    kind = random.choice(
        [k for k in Kind if k not in _BUDGETED] + [Kind.MUTE, Kind.LOCKS]
    )
    at_s = random.uniform(FAULTS_FROM_S, HEAL_S - 2)
    until_s = min(HEAL_S, at_s + random.choice((0.2, 1.0, 3.0, 8.0)) * random.random())
    hosts: tuple[str, ...] = ()
    value = 0.0
    if kind in POINT:
        hosts = (random.choice(honest),)
    if kind is Kind.WRITE:
        value = random.randrange(1, 12) + random.choice((0.0, 0.25, 0.5))
    elif kind is Kind.JUMP:
        value = float(random.choice((-3600, -60, -5, 5, 14, 60, 3600)))
        # Blocks follow the clocks of a quorum: never more than one is far ahead.
        if value > 14:
            hosts, value = (honest[0],), value if len(names) >= 4 else 14.0
    elif kind is Kind.LOCKS:
        until_s = min(HEAL_S, at_s + random.uniform(4, 12))
        value = random.choice((0.3, 0.45))
    elif kind is Kind.MUTE:
        value = float(random.choice(MUTED))
    elif kind is Kind.SYNC:
        value = 1.0
    elif kind is Kind.SPLIT:
        hosts = tuple(sorted(random.sample(names, random.randrange(len(names)))))
    elif kind in (Kind.ONE_WAY, Kind.LINK):
        hosts = tuple(random.sample(names, 2)) if len(names) > 1 else ()
    elif kind in (Kind.LOSS, Kind.REPEAT):
        value = round(random.choice((0.02, 0.1, 0.3)), 3)
    elif kind is Kind.SLOW:
        value = float(random.choice((100, 400, 1500)))
    elif kind is Kind.BURST:
        value = float(random.choice((10, 30, 60)))
    return Fault(round(at_s, 3), round(until_s, 3), kind, hosts, value)


_BUDGETED = (
    Kind.LOST_LOG,
    Kind.FOREIGN_LOG,
    Kind.OLD_LOG,
    Kind.RECOVER,
    Kind.CLONE,
    Kind.WIPE,
    Kind.JOIN,
    Kind.LEAVE,
)
