"""The schedule cut into shards, one a generator: a pure function of the customer.

All visits of a customer fall to one generator, because one client must give a
customer's transactions their nonces and see their address changes in order. The shards
together are the schedule, each visit in exactly one, at its own moment and with its own
number; which generator had an operation can be told from the history afterwards.

Inside a generator its customers are counted from 0, so that its client provisions them
and nobody else's.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.workload.plan import Session


def shard_of(customer: int, shards: int) -> int:
    """The shard that has a customer."""
    return customer % shards


def shard_plan(plan: Sequence[Session], shard: int, shards: int) -> list[Session]:
    """The visits of one shard, in order of arrival, customers as in the whole plan."""
    return [s for s in plan if shard_of(s.customer, shards) == shard]


def customers_in(customers: int, shard: int, shards: int) -> int:
    """How many of so many customers one shard has."""
    return len(range(shard, customers, shards))


def counted_inside(session: Session, shards: int) -> Session:
    """The same visit with its customer as the shard itself counts them."""
    return replace(session, customer=session.customer // shards)


def customer_of(inside: int, shard: int, shards: int) -> int:
    """The customer of the whole plan whom a shard counts as `inside`."""
    return inside * shards + shard
