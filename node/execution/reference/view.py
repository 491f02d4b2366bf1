"""Reads of one committed state: accounts, slots, calls, proofs, traces.

A view holds no lock and no copy: the store keeps every node of a committed state, so a
view stays valid for as long as the executor is open, from any thread.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from node.chain.block import Block
from node.execution.executor import (
    AccountOverride,
    BlockEnv,
    Call,
    CallResult,
    Proof,
    TracerConfig,
)
from node.execution.reference.blocks import Execution, context_of, env_of
from node.execution.reference.calls import TIMED_OUT, AccessList, Caller, override
from node.execution.reference.machine import TimeLimit
from node.execution.reference.store import Head, StateStore
from node.execution.reference.tracing.choosing import tracer_for
from node.execution.reference.tracing.stepping import TraceError
from node.execution.reference.world import (
    NOTHING,
    Account,
    World,
    hash_address,
    hash_slot,
    load_account,
    remove_nothings,
)
from node.execution.validation import Admitted
from node.primitives import trie
from node.primitives.trie import EMPTY_TRIE_ROOT
from node.primitives.types import Address, Hash32

TRACE_TIME_S = 30.0


class ReferenceView:
    """See `node.execution.executor.StateView`."""

    def __init__(
        self,
        store: StateStore,
        head: Head,
        chain_id: int,
        admit: Callable[[bytes], Admitted],
        following: Sequence[Hash32] = (),
    ) -> None:
        self._store = store
        self._head = head
        self._chain_id = chain_id
        self._admit = admit
        self._following = tuple(following)

    def balance(self, account: Address) -> int:
        """In wei."""
        return self._account(account).balance

    def nonce(self, account: Address) -> int:
        """The next nonce of the account."""
        return self._account(account).nonce

    def code(self, account: Address) -> bytes:
        """Empty when there is none."""
        return self._store.code(self._account(account).code_hash)

    def slot(self, account: Address, slot: int) -> int:
        """A word of storage."""
        return World(self._store, self._head.root).slot(account, slot)

    def accounts(self, accounts: Sequence[Address]) -> list[tuple[int, int]]:
        """(nonce, balance) of each."""
        found = [self._account(at) for at in accounts]
        return [(account.nonce, account.balance) for account in found]

    def call(
        self, call: Call, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> CallResult:
        """See StateView."""
        return self._caller(env, overrides).run(call).result

    def estimate_gas(
        self, call: Call, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> int | CallResult:
        """See StateView."""
        try:
            return self._caller(env, overrides).estimate_gas(call)
        except TimeLimit:
            return CallResult(b"", 0, TIMED_OUT)

    def access_list(self, call: Call, env: BlockEnv) -> tuple[CallResult, AccessList]:
        """See StateView."""
        return self._caller(env, {}).access_list(call)

    def proof(self, account: Address, slots: Sequence[int]) -> Proof:
        """See StateView."""
        load = self._store.node
        found = self._account(account)
        root = found.storage_root
        return Proof(
            balance=found.balance,
            nonce=found.nonce,
            code_hash=found.code_hash,
            storage_root=root,
            account_proof=trie.prove(load, self._head.root, hash_address(account)),
            storage_proofs=tuple(
                (
                    slot,
                    self.slot(account, slot),
                    ()
                    if root == EMPTY_TRIE_ROOT
                    else trie.prove(load, root, hash_slot(slot)),
                )
                for slot in slots
            ),
        )

    def root(self, overrides: Mapping[Address, AccountOverride]) -> Hash32:
        """See StateView."""
        world = self._world()
        override(world, overrides)
        remove_nothings(world, overrides)
        return world.seal().root

    def followed_by(self, digests: Sequence[Hash32]) -> "ReferenceView":
        """See StateView."""
        following = (*self._following, *digests)
        return ReferenceView(
            self._store, self._head, self._chain_id, self._admit, following
        )

    def trace_call(
        self,
        call: Call,
        env: BlockEnv,
        overrides: Mapping[Address, AccountOverride],
        tracer: TracerConfig,
    ) -> Any:
        """See StateView. Raises TraceError."""
        trace = tracer_for(tracer, call.gas)
        caller = replace(
            self._caller(env, overrides),
            computation=trace.machine,
            on_start=trace.begin,
        )
        ran = caller.run(call)
        if ran.outcome is None:
            raise TraceError(ran.result.error)
        return trace.answer(ran.outcome)

    def trace_block(self, block: bytes, tracer: TracerConfig) -> list[Any]:
        """See StateView: one answer a transaction. Raises TraceError."""
        decoded = Block.decode(block)
        context = context_of(env_of(decoded.header), self._chain_id, self._store)
        execution = Execution(self._world(), context, self._head.digest)
        execution.state.deadline = time.monotonic() + TRACE_TIME_S
        answers = []
        for raw in decoded.transactions:
            admitted = self._admit(raw)
            trace = tracer_for(tracer, admitted.tx.gas_limit)
            execution.state.computation_class = trace.machine
            trace.begin(execution.state, admitted)
            try:
                answers.append(trace.answer(execution.run(raw, admitted)))
            except TimeLimit:
                raise TraceError(
                    f"the trace took longer than {TRACE_TIME_S:g} s"
                ) from None
        return answers

    def _account(self, at: Address) -> Account:
        return load_account(self._store, self._head.root, at) or NOTHING

    def _world(self) -> World:
        return World(self._store, self._head.root)

    def _caller(
        self, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> Caller:
        context = context_of(env, self._chain_id, self._store)
        if self._following:
            context = replace(context, ancestor=self._below(context.ancestor))
        return Caller(self._world, context, overrides)

    def _below(self, known: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Block hashes by height: the chain's up to this state, then the following."""

        def ancestor(height: int) -> bytes:
            above = height - self._head.height - 1
            if above < 0:
                return known(height)
            return self._following[above] if above < len(self._following) else b""

        return ancestor
