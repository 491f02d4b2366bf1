"""One operation as it is kept: a line of JSON that any tool can read.

All moments are nanoseconds on the generator's monotonic clock since the start of the
load. Latency is not stored: it follows from the moments, and whoever disputes a figure
computes it from the same lines.
"""

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from bench.errors import BenchError, Exit


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of an operation: when it was sent, when it ended, and how."""

    sent_ns: int
    ended_ns: int
    outcome: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One operation of one session.

    intended_ns: when it should have begun; sent_ns: when its first request left;
    accepted_ns: when the target first said it had it (None: it never did, or the world
    makes no difference); final_ns: when its outcome was known, for an operation that
    ran out of patience the moment it did.
    """

    session: int
    step: int
    customer: int
    operation: str
    reference: str
    quantity: int
    intended_ns: int
    sent_ns: int
    accepted_ns: int | None
    final_ns: int
    outcome: str
    order: str | None
    amount: int | None
    attempts: tuple[Attempt, ...]

    @property
    def latency_ns(self) -> int:
        """From the intended start until the outcome was known."""
        return self.final_ns - self.intended_ns

    @property
    def service_ns(self) -> int:
        """From the first request until the outcome was known."""
        return self.final_ns - self.sent_ns

    @property
    def lag_ns(self) -> int:
        """How late the generator itself was."""
        return self.sent_ns - self.intended_ns


def encode_record(record: Record) -> bytes:
    """One line of JSON. Amounts are texts: JSON readers lose digits beyond 2**53."""
    data = asdict(record)
    data["amount"] = None if record.amount is None else str(record.amount)
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


def decode_record(line: bytes, where: str) -> Record:
    """Read one line; BenchError names the place of a line that is not a record."""
    try:
        data: dict[str, Any] = orjson.loads(line)
        amount = data.pop("amount")
        attempts = tuple(Attempt(**attempt) for attempt in data.pop("attempts"))
        return Record(
            **data, amount=None if amount is None else int(amount), attempts=attempts
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BenchError(
            f"{where} is not a sample ({error}); restore the run's folder from a copy",
            Exit.STORAGE,
        ) from None
