"""Runs a simulation: call after call, block after block, each on what came before.

Its blocks are like any other's: the system's contracts are called, BLOCKHASH knows the
simulated ancestors beside the real ones, and the header has the roots of what happened.
Only signatures and extra data are empty, so that a block's hash is not the one that it
would have on the chain.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from node.chain.block import Block
from node.chain.header import EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, Header
from node.chain.header_rules import HeaderRules
from node.chain.receipt import BLOOM_BYTES, Log, Receipt, bloom_bits, encode_receipt
from node.chain.transaction import Transaction
from node.execution.executor import (
    TOUCH_TRACER,
    BlockEnv,
    Call,
    CallResult,
    StateView,
    TracerConfig,
)
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT, list_root
from node.primitives.types import ZERO_HASH, Hash32
from node.rpc.errors import server_error
from node.rpc.formats import Place, block_json, hex_data, log_json, transaction_json
from node.rpc.methods.overrides import override_env
from node.rpc.sending.encoding import encode_signed
from node.rpc.simulating.calls import check, failure_of, prepare, refuse
from node.rpc.simulating.request import Asked, AskedBlock
from node.rpc.simulating.state import GrowingState
from node.rpc.simulating.system import close_block, open_block
from node.rpc.simulating.transfers import logs_with_transfers

MAX_TIME_S = 10.0
TOUCHED = TracerConfig(TOUCH_TRACER)
CALL_TREE = TracerConfig("callTracer", {"withLog": True})


@dataclass(slots=True)
class _Done:
    """One call that ran; `logs` with transfers where they were asked for."""

    transaction: Transaction
    call: Call
    result: CallResult
    peak_gas: int
    logs: tuple[Log, ...]


@dataclass(slots=True)
class Simulation:
    """One request on the state of a block. Blocks while it runs."""

    asked: Asked
    base: Header
    rules: HeaderRules
    chain_id: int
    gas_left: int
    """What all calls together may still use."""
    state: GrowingState
    until: float = field(default_factory=lambda: time.monotonic() + MAX_TIME_S)

    def run(self) -> list[dict[str, Any]]:
        """One answer a block. Raises RpcError."""
        parent, answers = self.base, []
        for block in self.asked.blocks:
            parent, answer = self._block(block, parent)
            self.state.view = self.state.view.followed_by([parent.digest])
            answers.append(answer)
        return answers

    def _block(
        self, block: AskedBlock, parent: Header
    ) -> tuple[Header, dict[str, Any]]:
        self._check_time()
        state, view = self.state, self.state.view
        state.lay(block.accounts)
        env = self._env(block, parent)
        open_block(view, state, env, parent, block.beacon_root)
        done: list[_Done] = []
        used = 0
        for request in block.calls:
            done.append(self._call(request, env, used))
            used += done[-1].result.gas_used
        close_block(view, state, env)
        roots = view.root(state.overrides), block.beacon_root
        return _sealed(parent, env, done, roots, self.asked.full_transactions)

    def _check_time(self) -> None:
        if time.monotonic() > self.until:
            raise server_error(
                f"execution timeout: the simulation ran longer than {MAX_TIME_S:g} s"
            )

    def _env(self, block: AskedBlock, parent: Header) -> BlockEnv:
        fee = self.rules.base_fee_after(parent) if self.asked.validation else 0
        env = BlockEnv(
            number=block.number,
            timestamp=block.timestamp,
            coinbase=parent.coinbase,
            gas_limit=parent.gas_limit,
            base_fee_per_gas=fee,
            prev_randao=ZERO_HASH,
        )
        return override_env(env, block.env)

    def _call(self, request: Mapping[str, Any], env: BlockEnv, used: int) -> _Done:
        self._check_time()
        gas = min(env.gas_limit - used, self.gas_left)
        call, tx = prepare(request, env, self.state, self.chain_id, gas, used)
        check(self.state, env, call, tx, self.asked.validation)
        view, overrides = self.state.view, self.state.overrides
        result = view.call(call, env, overrides)
        refuse(result, call)
        touched = _trace(view, call, env, self.state, TOUCHED)
        logs = tuple(Log(*entry) for entry in result.logs)
        if self.asked.trace_transfers:
            tree = _trace(view, call, env, self.state, CALL_TREE)
            logs = logs_with_transfers(tree)
        self.state.grow(touched)
        self.gas_left -= result.gas_used
        return _Done(tx, call, result, int(touched["gas"], 16), logs)


def _trace(
    view: StateView, call: Call, env: BlockEnv, state: GrowingState, what: TracerConfig
) -> Any:
    try:
        return view.trace_call(call, env, state.overrides, what)
    except ValueError as error:
        raise server_error(str(error)) from None


def _sealed(
    parent: Header,
    env: BlockEnv,
    done: list[_Done],
    roots: tuple[Hash32, Hash32],
    full: bool,
) -> tuple[Header, dict[str, Any]]:
    """The header and the answer of a block; `roots` are of state and beacon block."""
    receipts, used, bloom = [], 0, 0
    for each in done:
        used += each.result.gas_used
        logs = tuple(Log(*entry) for entry in each.result.logs)
        bits = bloom_bits(logs)
        bloom |= bits
        receipt = Receipt(
            each.transaction.type,
            not each.result.error,
            used,
            bits.to_bytes(BLOOM_BYTES, "big"),
            logs,
        )
        receipts.append(encode_receipt(receipt))
    raws = tuple(encode_signed(each.transaction, 0, 0, 0) for each in done)
    header = Header(
        parent_hash=parent.digest,
        ommers_hash=EMPTY_OMMERS_HASH,
        coinbase=env.coinbase,
        state_root=roots[0],
        transactions_root=list_root(raws),
        receipts_root=list_root(receipts),
        logs_bloom=bloom.to_bytes(BLOOM_BYTES, "big"),
        difficulty=0,
        number=env.number,
        gas_limit=env.gas_limit,
        gas_used=used,
        timestamp=env.timestamp,
        extra_data=b"",
        prev_randao=env.prev_randao,
        nonce=bytes(8),
        base_fee_per_gas=env.base_fee_per_gas,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=roots[1],
        requests_hash=EMPTY_REQUESTS_HASH,
    )
    answer = block_json(Block(header, raws), None)
    answer["calls"] = _calls_json(header, raws, done)
    if full:
        answer["transactions"] = [
            transaction_json(
                replace(each.transaction, hash=keccak256(raw)),
                each.call.sender,
                _place(header, position),
                header,
            )
            for position, (each, raw) in enumerate(zip(done, raws, strict=True))
        ]
    return header, answer


def _calls_json(
    header: Header, raws: tuple[bytes, ...], done: list[_Done]
) -> list[dict[str, Any]]:
    answers, index = [], 0
    for position, (raw, each) in enumerate(zip(raws, done, strict=True)):
        answer: dict[str, Any] = {
            "returnData": hex_data(each.result.output),
            "logs": [
                log_json(log, keccak256(raw), _place(header, position), index + at)
                for at, log in enumerate(each.logs)
            ],
            "gasUsed": hex(each.result.gas_used),
            "maxUsedGas": hex(max(each.peak_gas, each.result.gas_used)),
            "status": hex(not each.result.error),
        }
        index += len(each.logs)
        if each.result.error:
            answer["error"] = failure_of(each.result)
        answers.append(answer)
    return answers


def _place(header: Header, position: int) -> Place:
    return Place(header.digest, header.number, position, header.timestamp)
