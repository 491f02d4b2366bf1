"""The rules of a header that need no execution: what a node checks before it executes.

The parent's hash and number, the timestamp (never below the parent's, at most the drift
bound ahead of local time), gas limit, base fee, prevRandao and the constant fields.
Who may propose is consensus; roots and gas are the executor's.
"""

from dataclasses import dataclass

from node.chain.header import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    PARENT_BEACON_BLOCK_ROOT,
    Header,
    prev_randao_of,
)
from node.primitives.trie import EMPTY_TRIE_ROOT

ELASTICITY = 2
BASE_FEE_CHANGE_DENOMINATOR = 8


class HeaderInvalid(ValueError):
    """A header breaks a rule; the message names it."""


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """What the genesis fixes for every header."""

    gas_limit: int
    zero_base_fee: bool
    max_clock_drift_s: int

    def base_fee_after(self, parent: Header) -> int:
        """EIP-1559, or 0 for ever on a free-gas network (the formula lifts 0 to 1)."""
        if self.zero_base_fee:
            return 0
        target = parent.gas_limit // ELASTICITY
        fee = parent.base_fee_per_gas
        if parent.gas_used == target:
            return fee
        delta = fee * abs(parent.gas_used - target) // target
        delta //= BASE_FEE_CHANGE_DENOMINATOR
        if parent.gas_used > target:
            return fee + max(delta, 1)
        return fee - delta

    def validate(self, header: Header, parent: Header, now_s: int | None) -> None:
        """Raise HeaderInvalid. `now_s` is None for a certified block: no drift."""
        if header.parent_hash != parent.digest:
            raise HeaderInvalid("parent hash is not the parent's")
        if header.number != parent.number + 1:
            raise HeaderInvalid("number does not follow the parent's")
        if header.timestamp < parent.timestamp:
            raise HeaderInvalid("timestamp is below the parent's")
        if now_s is not None and header.timestamp > now_s + self.max_clock_drift_s:
            raise HeaderInvalid("timestamp is too far ahead")
        if header.gas_limit != self.gas_limit:
            raise HeaderInvalid(f"gas limit is not {self.gas_limit}")
        if header.gas_used > header.gas_limit:
            raise HeaderInvalid("gas used is above the limit")
        if header.base_fee_per_gas != self.base_fee_after(parent):
            raise HeaderInvalid("base fee does not follow the parent's")
        if header.prev_randao != prev_randao_of(parent.digest, header.number):
            raise HeaderInvalid("prevRandao does not follow the parent's")
        _validate_constants(header)


def _validate_constants(header: Header) -> None:
    constants = (
        ("ommers hash", header.ommers_hash, EMPTY_OMMERS_HASH),
        ("difficulty", header.difficulty, 0),
        ("nonce", header.nonce, bytes(8)),
        ("withdrawals root", header.withdrawals_root, EMPTY_TRIE_ROOT),
        ("blob gas used", header.blob_gas_used, 0),
        ("excess blob gas", header.excess_blob_gas, 0),
        ("beacon root", header.parent_beacon_block_root, PARENT_BEACON_BLOCK_ROOT),
        ("requests hash", header.requests_hash, EMPTY_REQUESTS_HASH),
    )
    for name, actual, expected in constants:
        if actual != expected:
            raise HeaderInvalid(f"{name} is not what this chain fixes")
    if len(header.extra_data) != 32:
        raise HeaderInvalid("extra data is not a validator set's hash")
