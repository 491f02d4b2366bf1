"""Running the same blocks on two executors and comparing all they say."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from node.chain.block import Block
from node.chain.genesis import Genesis, GenesisAccount
from node.execution.executor import (
    TOUCH_TRACER,
    BuildLimits,
    BuiltBlock,
    Call,
    Executed,
    Executor,
    TracerConfig,
    TxError,
)
from node.primitives.types import Address
from node.rpc.methods.prestate import prestate_of
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.programs import CONTRACTS, PEOPLE, UNUSED, WORDS, Planned
from tests.node.execution.signing import Draft, address_of

Open = Callable[[Path, Genesis], Executor]
LIMITS = BuildLimits(gas=30_000_000, bytes=1_000_000, time_ms=600_000)
WATCHED = (*CONTRACTS, *PEOPLE, UNUSED)
STACK_FAULTS = ("stack underflow", "stack limit reached")
TRACERS = (
    TracerConfig("callTracer", {"withLog": True}),
    TracerConfig("", {"enableMemory": False}),
)


def genesis_with(programs: Sequence[bytes]) -> Genesis:
    """The people's network with these contracts, which own a little."""
    genesis = genesis_for(WORDS)
    contracts = {
        at: GenesisAccount(balance=5, nonce=1, code=runtime, storage={0: 1, 1: 2})
        for at, runtime in zip(CONTRACTS, programs, strict=False)
    }
    return replace(genesis, alloc={**genesis.alloc, **contracts})


class Pair:
    """Two executors on one chain."""

    def __init__(self, first: Executor, second: Executor, genesis: Genesis) -> None:
        self.first = first
        self.second = second
        self.chain = LocalChain(first, genesis)

    def block(self, plans: Sequence[Planned]) -> Executed:
        """Build on both, execute the one's block on the other, commit, compare."""
        return self.commit(self.build(plans))

    def build(
        self, plans: Sequence[Planned], limits: BuildLimits = LIMITS
    ) -> BuiltBlock:
        """Build on both, and compare; the first one's."""
        raws = self._sign(plans)
        self._compare_recovered(raws)
        chain = self.chain
        ours = chain.build(raws, limits)
        theirs = self.second.build(chain.header, chain.env(), raws, limits)
        assert _of(ours) == _of(theirs)
        self.second.discard(theirs.executed.digest)
        return ours

    def commit(self, ours: BuiltBlock) -> Executed:
        """Execute the one's block on the other, commit, compare."""
        chain = self.chain
        assert self.second.execute(ours.block) == ours.executed
        self._compare_traces(ours)
        chain.commit(ours)
        self.second.commit(ours.executed.digest)
        self._compare_views(ours.executed.created)
        return ours.executed

    def _sign(self, plans: Sequence[Planned]) -> list[bytes]:
        """Nonces as if every sound transaction were included."""
        nonces: dict[str, int] = {}
        raws = []
        for plan in plans:
            at = address_of(plan.word)
            nonce = nonces.get(plan.word, self.chain.view().nonce(at))
            raws.append(plan.sign(nonce))
            if plan.draft.to != UNUSED:
                nonces[plan.word] = nonce + 1
        return raws

    def _compare_recovered(self, raws: Sequence[bytes]) -> None:
        ours, theirs = self.first.recover(raws), self.second.recover(raws)
        assert [_answer(a) for a in ours] == [_answer(a) for a in theirs]

    def _compare_views(self, created: Sequence[bytes]) -> None:
        digest = self.chain.header.digest
        ours, theirs = self.first.view(digest), self.second.view(digest)
        watched = [*WATCHED, *(Address(at) for at in created if at)]
        assert ours.accounts(watched) == theirs.accounts(watched)
        for at in watched:
            assert ours.code(at) == theirs.code(at)
            assert ours.proof(at, [0, 1, 2, 9]) == theirs.proof(at, [0, 1, 2, 9])

    def _compare_traces(self, built: BuiltBlock) -> None:
        digest = self.chain.header.digest
        ours, theirs = self.first.view(digest), self.second.view(digest)
        for tracer in TRACERS:
            a = ours.trace_block(built.block, tracer)
            b = theirs.trace_block(built.block, tracer)
            for trace, other in zip(a, b, strict=True):
                assert _plain(trace) == _plain(other)
        self._compare_touched(built)

    def _compare_touched(self, built: BuiltBlock) -> None:
        """What was named and what changed, and the gas."""
        digest = self.chain.header.digest
        views = self.first.view(digest), self.second.view(digest)
        touching = TracerConfig(TOUCH_TRACER)
        answers = [view.trace_block(built.block, touching) for view in views]
        for ours, theirs in zip(*answers, strict=True):
            assert ours["gas"] == theirs["gas"]
            for option in ("diffMode", "includeEmpty", "disableCode"):
                found = [prestate_of(a, {option: True}) for a in (ours, theirs)]
                assert found[0] == found[1]

    def calls(self, data: bytes) -> None:
        """Calls, estimates and access lists of every contract."""
        digest = self.chain.header.digest
        env = self.chain.env()
        ours, theirs = self.first.view(digest), self.second.view(digest)
        for at in CONTRACTS:
            call = Call(address_of("alice"), at, data, gas=300_000)
            a, b = ours.call(call, env, {}), theirs.call(call, env, {})
            assert _call(a) == _call(b)
            assert _call(ours.estimate_gas(call, env, {})) == _call(
                theirs.estimate_gas(call, env, {})
            )
            (a, listed), (b, others) = (
                view.access_list(call, env) for view in (ours, theirs)
            )
            assert (_call(a), listed) == (_call(b), others)


def _of(built: BuiltBlock) -> tuple[Any, ...]:
    refused = [(position, error.hash, error.kind) for position, error in built.refused]
    header = Block.decode(built.block).header
    return header, built.block, built.executed, built.included, refused


def _answer(answer: Any) -> Any:
    return (answer.hash, answer.kind) if isinstance(answer, TxError) else answer


def _plain(trace: Any) -> Any:
    """What both must tell alike: of a step where it is and what the stack holds; of a
    tree all calls that succeed. Of failures the libraries behind the executors tell
    different things."""
    if isinstance(trace, list):
        return [_plain(item) for item in trace if not _is_left_out(item)]
    if not isinstance(trace, dict):
        return trace
    if "op" in trace:
        return [
            _name(trace["op"]),
            *(trace[k] for k in ("pc", "gas", "depth", "stack")),
        ]
    kept = {key: _plain(value) for key, value in trace.items()}
    if not kept.get("calls", True):
        del kept["calls"]
    if "error" in kept:
        return {key: kept[key] for key in ("type", "from", "gas", "gasUsed", "input")}
    return kept


def _name(opcode: str) -> str:
    return "?" if opcode == "Unknown" or "not defined" in opcode else opcode


def _is_left_out(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    if item.get("type") == "SELFDESTRUCT":
        return True
    return "type" in item and "error" in item


def _call(result: Any) -> Any:
    if isinstance(result, int):
        return result
    error = "stack" if result.error in STACK_FAULTS else result.error
    return result.output, result.gas_used, error, result.logs


def transfer(word: str, **changes: Any) -> Planned:
    """A plain payment to nobody in particular."""
    return Planned(word, replace(Draft(UNUSED, value=1, gas=21_000), **changes))
