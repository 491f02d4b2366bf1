"""How long py-evm's pure Python precompiles take: a pairing cannot be interrupted.

A builder, a call and a proposal have a deadline; a precompile that would overrun it is
not begun. The figures are of one slow core, per unit of work. (A block that a quorum
committed is executed whatever it costs: what a network admits, its slowest validator
must bear.)
"""

from typing import NamedTuple

from eth.vm.forks.berlin.computation import _compute_modexp_gas_fee_eip_2565


class _Cost(NamedTuple):
    unit_bytes: int
    unit_gas: int
    unit_s: float


MODEXP = 0x05
MODEXP_GAS_S = 5e-7  # Python's pow on words of 64 bits, where gas buys most time
BLAKE2 = 0x09
BLAKE2_ROUND_S = 8e-6
SLOW = {
    0x07: _Cost(96, 6_000, 0.01),  # multiplication on alt_bn128
    0x08: _Cost(192, 34_000, 0.3),  # pairing on alt_bn128
    0x0C: _Cost(160, 6_200, 0.03),  # sums of products on BLS12-381
    0x0E: _Cost(288, 11_700, 0.12),
    0x0F: _Cost(384, 32_600, 0.6),  # pairing on BLS12-381
}


def seconds_of(address: bytes, data: bytes, gas: int) -> float:
    """About how long the precompile will run, at most."""
    number = int.from_bytes(address, "big")
    if number == MODEXP:
        fee = int(_compute_modexp_gas_fee_eip_2565(data))
        return min(fee, gas) * MODEXP_GAS_S
    if number == BLAKE2:
        return min(int.from_bytes(data[:4], "big"), gas) * BLAKE2_ROUND_S
    cost = SLOW.get(number)
    if cost is None:
        return 0.0
    units = min(-(-len(data) // cost.unit_bytes), gas // cost.unit_gas)
    return units * cost.unit_s
