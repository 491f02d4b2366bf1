"""Validators on different executors agree, whatever the traffic.

Two run on the native executor, two on py-evm, for a thousand blocks of random
transactions: deploys, calls of everything, reverts, delegations, invalid ones.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from node.chain.genesis import ConsensusConfig, Genesis, GenesisAccount
from node.chain.genesis_builder import make_genesis
from node.networks import layout
from node.networks.layout import NetworkPlan, create_network
from node.testing.validator import Validator
from node.testing.waiting import wait_until
from tests.node.execution.programs import CONTRACTS, WORDS, programs, transactions
from tests.node.execution.signing import CHAIN_ID, address_of, key_of

pytest.importorskip("chandlery_native", reason="the native executor is not installed")

KINDS = ("native", "pyevm", "native", "pyevm")
BLOCKS = 1_000
BATCH = 8
POOL = 400
START_S, BLOCK_S = 60.0, 60.0
FAST = ConsensusConfig(
    gathering_ms=20,
    min_block_interval_ms=50,
    empty_block_period_ms=200,
    round_timeout_ms=4_000,
)


def some(strategy: SearchStrategy[Any], count: int, chosen: int) -> list[Any]:
    """So many values, the same for the same seed."""
    found: list[Any] = []

    @seed(chosen)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


@pytest.fixture
def chosen() -> int:
    """The seed; a failure shows it."""
    number = random.randrange(2**32)
    print(f"seed {number}")
    return number


@pytest.fixture
def nodes(
    tmp_path: Path, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Validator]]:
    contracts = {
        at: GenesisAccount(balance=5, nonce=1, code=runtime, storage={0: 1, 1: 2})
        for at, runtime in zip(CONTRACTS, some(programs(), 8, chosen)[4:], strict=True)
    }

    def with_contracts(**fields: Any) -> Genesis:
        genesis = make_genesis(**fields)
        return replace(genesis, alloc={**genesis.alloc, **contracts})

    monkeypatch.setattr(layout, "make_genesis", with_contracts)
    plan = NetworkPlan(
        validators=len(KINDS),
        chain_id=CHAIN_ID,
        rpc_port=0,
        p2p_port=0,
        account_keys=tuple(key_of(word) for word in WORDS),
        consensus=FAST,
    )
    places = create_network(tmp_path / "net", plan)
    for place, kind in zip(places, KINDS, strict=True):
        file = place.directory / "node.toml"
        text = file.read_text()
        assert "[executor]\n" in text
        file.write_text(text.replace("[executor]\n", f'[executor]\nkind = "{kind}"\n'))
    made = [Validator(place) for place in places]
    for node in made:
        node.start()
    try:
        for node, place, kind in zip(made, places, KINDS, strict=True):
            node.wait_until_answering(START_S)
            log = (place.directory / "logs" / "node.log").read_text()
            assert f"on executor {kind}" in log
        yield made
    finally:
        for node in made:
            node.end()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_thousand_blocks_on_different_executors(
    nodes: list[Validator], chosen: int
) -> None:
    rng = random.Random(chosen)
    pool = some(transactions, POOL, chosen)
    refused = 0
    height = 0
    while height < BLOCKS:
        for planned in rng.choices(pool, k=rng.randint(0, BATCH)):
            # Each account by one node, whose count of the pending ones is right.
            node = nodes[WORDS.index(planned.word) if planned.word in WORDS else 0]
            at = "0x" + address_of(planned.word).hex()
            nonce = int(ask(node, "eth_getTransactionCount", at, "pending"), 16)
            raw = "0x" + planned.sign(nonce).hex()
            try:
                ask(node, "eth_sendRawTransaction", raw)
            except RuntimeError:
                refused += 1
        height = wait_until(
            lambda seen=height: _newer(nodes[0], seen),  # type: ignore[misc]
            f"a block after {height}",
            BLOCK_S,
        )
    included, coinbases = _agreed(nodes)
    print(f"{included} transactions in {BLOCKS} blocks, {refused} refused")
    assert included > BLOCKS
    assert refused > 0
    assert coinbases == {node.address for node in nodes}


def ask(node: Validator, method: str, *params: Any) -> Any:
    """The result, also of a node that is slow to answer. Raises RuntimeError."""

    def answer() -> tuple[Any] | None:
        try:
            return (node.request(method, *params),)
        except OSError:
            return None

    return wait_until(answer, f"{node.name} answers {method}", BLOCK_S)[0]


def _newer(node: Validator, seen: int) -> int | None:
    height = int(ask(node, "eth_blockNumber"), 16)
    return height if height > seen else None


def _agreed(nodes: list[Validator]) -> tuple[int, set[str]]:
    """Every node has the same blocks; their transactions, and who proposed them."""
    included, coinbases = 0, set()
    for node in nodes:
        wait_until(
            lambda node=node: _newer(node, BLOCKS - 1),  # type: ignore[misc]
            f"{node.name} at height {BLOCKS}",
            BLOCK_S,
        )
    for height in range(BLOCKS + 1):
        asked = "eth_getBlockByNumber", hex(height), False
        first, *others = [ask(node, *asked) for node in nodes]
        for other in others:
            assert other["hash"] == first["hash"], f"height {height}"
        included += len(first["transactions"])
        if height:
            coinbases.add(first["miner"])
    return included, coinbases
