"""A new network's blocks fit its rounds, however fast the executor is."""

import pytest

from node.chain.genesis import ConsensusConfig
from node.networks.calibration import (
    GAS_LIMITS,
    MAX_ROUND_TIMEOUT_MS,
    MIN_ROUND_TIMEOUT_MS,
    Calibration,
    calibrate,
)


@pytest.mark.parametrize("gas_per_s", [1e5, 1e7, 1e9, 1e12])
@pytest.mark.parametrize("validators", [1, 4, 10])
def test_limits_stay_within_their_bounds(gas_per_s: float, validators: int) -> None:
    fitted = Calibration("x", gas_per_s).fit(ConsensusConfig(), validators)
    assert fitted.gas_limit in GAS_LIMITS
    assert MIN_ROUND_TIMEOUT_MS <= fitted.round_timeout_ms <= MAX_ROUND_TIMEOUT_MS
    assert fitted.build_time_ms < fitted.round_timeout_ms


def test_a_faster_executor_gets_larger_blocks_and_shorter_rounds() -> None:
    slow = Calibration("x", 1e7).fit(ConsensusConfig(), 4)
    fast = Calibration("x", 1e9).fit(ConsensusConfig(), 4)
    assert fast.gas_limit > slow.gas_limit
    assert fast.round_timeout_ms < slow.round_timeout_ms


def test_the_worst_block_fits_the_capped_timer() -> None:
    config = ConsensusConfig()
    fitted = Calibration("x", 5e7).fit(config, 4)
    capped_s = fitted.round_timeout_ms * config.round_timeout_cap_factor / 1000
    assert (
        fitted.gas_limit / 5e7 * 4 / 2 < capped_s or fitted.gas_limit == GAS_LIMITS[0]
    )


def test_the_reference_executor_is_measured() -> None:
    assert calibrate("pyevm").gas_per_s > 1e4
