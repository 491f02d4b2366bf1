"""Where the validator contract keeps the set, and how it is read.

The set of height h + 1 is read from storage after h, slot by slot and never by a
call: no gas, no code path, the same answer in every executor. The contract's first
variable is `validators: DynArray[address, MAX_VALIDATORS]`: its length is in slot 0 and
the members, ascending, in the slots from 1 on. Anything else there is malformed and
leaves the set as it was. Source: contract/Validators.vy.
"""

from collections.abc import Callable
from itertools import pairwise

from node.primitives.types import Address

VALIDATOR_CONTRACT = Address(bytes.fromhex("0000000000000000000000000000000000007101"))
MAX_VALIDATORS = 64


def read_validators(slot: Callable[[int], int]) -> tuple[Address, ...] | None:
    """The members in ascending order, or None when the state is malformed."""
    length = slot(0)
    if not 1 <= length <= MAX_VALIDATORS:
        return None
    words = [slot(position) for position in range(1, length + 1)]
    ascending = all(a < b for a, b in pairwise(words))
    if not ascending or words[0] == 0 or words[-1] >= 1 << 160:
        return None
    return tuple(Address(word.to_bytes(20, "big")) for word in words)
