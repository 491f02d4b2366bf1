"""Measures the executor, so that a new network's blocks fit its rounds.

The gas limit and the round timeout must agree among validators and are bound by the
genesis hash; what they should be depends on how fast a block executes here. The worst
case is a block full of cheap opcodes: it must execute within half of the capped round
timer, on a machine that the validators share. An ordinary block is tens of times
quicker and fits the first round's timer.
"""

import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from node.chain.genesis import ConsensusConfig, GenesisAccount
from node.chain.genesis_builder import make_genesis
from node.chain.header import prev_randao_of
from node.execution.executor import BlockEnv, Call
from node.execution.select import choose, open_executor
from node.primitives.types import Address

GAS_LIMITS = (30_000_000, 60_000_000, 120_000_000, 240_000_000)
MIN_ROUND_TIMEOUT_MS = 500
MAX_ROUND_TIMEOUT_MS = 4_000
PROBE_GAS = 2_000_000
MIN_PROBE_S = 0.1
LOOP = bytes.fromhex("5b60016002015060005600")  # JUMPDEST PUSH PUSH ADD POP PUSH JUMP
LOOP_ADDRESS = Address(bytes(19) + b"\xfe")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured: gas a second, cheap opcodes, one core."""

    executor: str
    gas_per_s: float

    def fit(self, consensus: ConsensusConfig, validators: int) -> ConsensusConfig:
        """The same configuration with a gas limit and a round timeout that fit."""
        shared = max(1.0, validators / (os.cpu_count() or 1))
        cap_s = MAX_ROUND_TIMEOUT_MS * consensus.round_timeout_cap_factor / 1000
        fitting = [
            limit
            for limit in GAS_LIMITS
            if limit / self.gas_per_s * shared <= cap_s / 4
        ]
        gas_limit = fitting[-1] if fitting else GAS_LIMITS[0]
        worst_ms = gas_limit / self.gas_per_s * shared * 1000
        timeout_ms = round(2 * worst_ms / consensus.round_timeout_cap_factor)
        timeout_ms = min(max(timeout_ms, MIN_ROUND_TIMEOUT_MS), MAX_ROUND_TIMEOUT_MS)
        return replace(
            consensus,
            gas_limit=gas_limit,
            round_timeout_ms=timeout_ms,
            build_time_ms=timeout_ms // 4,
        )


def calibrate(kind: str) -> Calibration:
    """Measure an executor ("auto", "native", "pyevm") for a moment."""
    sender = Address(bytes(19) + b"\x01")
    genesis = make_genesis(1, [sender], {}, ConsensusConfig(), 0)
    genesis = replace(
        genesis, alloc={**genesis.alloc, LOOP_ADDRESS: GenesisAccount(code=LOOP)}
    )
    env = BlockEnv(
        number=1,
        timestamp=0,
        coinbase=sender,
        gas_limit=PROBE_GAS,
        base_fee_per_gas=0,
        prev_randao=prev_randao_of(genesis.digest, 1),
    )
    with tempfile.TemporaryDirectory() as directory:
        executor = open_executor(kind, Path(directory), genesis)
        try:
            view = executor.view(genesis.digest)
            call = Call(sender, LOOP_ADDRESS, gas=PROBE_GAS)
            used, spent_s = 0, 0.0
            while spent_s < MIN_PROBE_S:
                begun = time.process_time()
                used += view.call(call, env, {}).gas_used
                spent_s += time.process_time() - begun
        finally:
            executor.close()
    return Calibration(choose(kind), used / spent_s)
