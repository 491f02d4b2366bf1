"""Arithmetic of waiting."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from node.chain.genesis import ConsensusConfig
from node.consensus.timers import (
    MAX_HALVINGS,
    MAX_MISSED_TURNS,
    EngineConfig,
    block_halvings,
    missed_turns,
)
from tests.node.consensus.stage import CONFIG
from tests.node.consensus.world import validators, who


@given(st.integers(0, 2**64), st.integers(1, 60_000), st.integers(1, 100))
def test_a_round_timer_is_between_the_base_and_the_cap(
    round_: int, base_ms: int, factor: int
) -> None:
    """Neither overflows to nothing: an expired timer would be a storm."""
    config = replace(CONFIG, round_timeout_ms=base_ms, round_timeout_cap_factor=factor)
    assert base_ms <= config.timeout_ms(round_) <= base_ms * factor
    assert config.timeout_ms(round_ + 1) >= config.timeout_ms(round_)


def test_a_cap_that_is_no_power_of_two_is_kept() -> None:
    config = replace(CONFIG, round_timeout_cap_factor=6)
    assert [config.timeout_ms(r) for r in range(5)] == [1000, 2000, 4000, 6000, 6000]


def test_the_timers_come_from_the_genesis_file() -> None:
    consensus = ConsensusConfig(round_timeout_ms=700, gathering_ms=3)
    config = EngineConfig.of(who("A"), consensus)
    assert (config.round_timeout_ms, config.gathering_ms) == (700, 3)
    assert config.min_block_interval_ms == consensus.min_block_interval_ms
    assert config.empty_block_period_ms == consensus.empty_block_period_ms
    assert config.round_timeout_cap_factor == consensus.round_timeout_cap_factor


def test_missed_turns_are_counted_from_the_newest_on() -> None:
    def missed(coinbases: str) -> int:
        return missed_turns([who(n) for n in coinbases], validators(), who("B"))

    assert missed("") == missed("A") == missed("AB") == missed("ABCDA") == 0
    assert missed("AC") == 1
    assert missed("ABCDAC") == 1
    assert missed("ACDACDA") == 2
    assert missed("ACDABCDA") == 0
    assert missed("AC" * 40) == MAX_MISSED_TURNS


def test_a_proposer_is_always_given_time_to_gather() -> None:
    assert CONFIG.proposal_timeout_ms(0) == 1_000
    assert CONFIG.proposal_timeout_ms(MAX_MISSED_TURNS) == 140
    quick = replace(CONFIG, round_timeout_ms=50)
    assert quick.proposal_timeout_ms(3) == 50


def test_blocks_shrink_to_a_sixteenth_and_no_further() -> None:
    assert [block_halvings(r, 0) for r in range(7)] == [0, 0, 1, 2, 3, 4, 4]
    assert block_halvings(10**12, 0) == MAX_HALVINGS
    assert block_halvings(0, 2) == 2
