"""Which faults can be made on this machine, by what means, and why not where not.

What a machine cannot do is reported as not run, never faked; this is where the reasons
come from. A node's clock is not set wrong on real processes at all: the simulator makes
clocks drift and jump on whole nodes.
"""

from dataclasses import asdict, dataclass
from typing import Any

from bench.cost.fsyncs import unavailable as no_fsyncs
from bench.faults.brokendisk import unavailable as no_strace
from bench.faults.cgroups import unavailable as no_cgroups
from bench.faults.saboteur import DISK_FULL, FSYNC_ERROR
from bench.faults.smalldisk import unavailable as no_disks

SIMULATED = "not on a real process; `chandlery simulate` makes it on whole nodes: "


@dataclass(frozen=True, slots=True)
class Capability:
    """One kind of fault (or count): on what, by what means; `why_not` if not here."""

    name: str
    on: str
    means: str
    why_not: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def capabilities() -> list[Capability]:
    """Everything bench.md names, in its order."""
    kernel = no_cgroups()
    by_kernel = "kernel: packets of the component's cgroup are dropped"
    chain_relay = "relay: every link between validators leads through one"
    found = [
        Capability("kill", "any component", "supervisor: SIGKILL of the process tree"),
        Capability("pause", "any component", "supervisor: SIGSTOP and SIGCONT"),
        Capability("restart", "any component", "supervisor"),
    ]
    for name in ("partition", "one-way", "loss", "split"):
        found.append(Capability(name, "any component", by_kernel, kernel))
        found.append(Capability(name, "validators", chain_relay))
    no_queue = (
        "the kernel's filters cannot hold packets back, and this world's links have no "
        "relay"
    )
    found += [
        Capability("delay", "validators", chain_relay),
        Capability("delay", "central components", "", no_queue),
        Capability("clock offset", "a node", "", SIMULATED + "clocks drift and jump"),
        Capability(DISK_FULL, "a validator", "small disk that is filled", no_disks()),
        Capability(
            FSYNC_ERROR,
            "any component",
            "strace: fsync of its processes answers EIO",
            no_strace(),
        ),
        Capability("lies", "a validator", "", SIMULATED + "liars of many kinds"),
        Capability("count of bytes", "any component", "kernel: cgroup", kernel),
        Capability("count of fsyncs", "any component", "kernel: perf", no_fsyncs()),
    ]
    return found


def lines() -> list[str]:
    """A table for a terminal."""
    rows = [["fault", "on", "here", "by, or why not"]]
    for item in capabilities():
        here = "no" if item.why_not is not None else "yes"
        rows.append([item.name, item.on, here, item.why_not or item.means])
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    return [
        "  ".join([*(w.ljust(n) for w, n in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
