"""How soon a part that is silently gone is taken for dead, by everybody who decides it.

The problem: two systems are only comparable in what a death costs them if both wait
equally long before they call somebody dead. The promise: with `--detection-s N` a part
that says nothing any more (a machine gone, a cable cut) is noticed at most N seconds
later, be it by the cluster's lease, by a balancer, by a primary of its standbys or by a
name server of an edge. What answers with an error is noticed by the error, as before.
It refuses what Patroni refuses: a lease below 20 s.
"""

from dataclasses import dataclass

from central_baseline.errors import UsageError
from central_baseline.rungs import Rung
from central_baseline.servers.database_proxy import PRIMARY_CHECKS
from central_baseline.servers.haproxy import APP_CHECKS, Checks
from central_baseline.servers.patroni import LEASE_S, SILENCE_S

SHORTEST_S, LONGEST_S = 1.0, 600.0
# A wait for the next question, one without an answer, a wait, and one more of them.
PARTS = 4


@dataclass(frozen=True)
class Detection:
    """The timers of one rung; the values here are those that are shipped."""

    lease_s: int = LEASE_S  # of the primary
    silence_s: float = SILENCE_S  # between primary and standby
    balancer: Checks = APP_CHECKS
    proxy: Checks = PRIMARY_CHECKS  # before the database
    look_every_s: float = 0.5  # of name servers at edges
    look_patience_s: float = 1.0

    def said_of(self, rung: Rung) -> str:
        """What is in force, for whoever compares; empty where nothing detects."""
        found = []
        if rung.replicas:
            found.append(f"lease {self.lease_s} s, standbys {self.silence_s:g} s")
        if rung.balanced:
            found.append(f"balancer {_twice(self.balancer.every_ms / 1000)}")
        if rung.regions:
            found.append(f"name servers {_twice(self.look_every_s)}")
        return ", ".join(found)


SHIPPED = Detection()


def detection_for(rung: Rung, seconds: float | None) -> Detection:
    """The shipped timers, or those that notice silence within `seconds`; UsageError
    where that cannot be."""
    if seconds is None:
        return SHIPPED
    if not rung.balanced:
        raise UsageError(
            f"--detection-s: {rung.name} has nothing that detects a dead part; "
            "horizontal and the rungs above it have"
        )
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise UsageError(
            f"--detection-s must be between {SHORTEST_S:g} and {LONGEST_S:g}"
        )
    if rung.replicas and seconds < LEASE_S:
        raise UsageError(
            f"--detection-s {seconds:g}: Patroni takes no lease below {LEASE_S} s; "
            f"match what {rung.name} is compared with to it (--detection-s {LEASE_S})"
        )
    checks = Checks.within(seconds, PARTS)
    part_s = seconds / PARTS
    return Detection(int(seconds), seconds, checks, checks, part_s, part_s)


def _twice(seconds: float) -> str:
    return f"2 x {seconds:g} s"
