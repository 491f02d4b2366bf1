"""Two dev executors that are told the same things and compared after each of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from node.chain.block import Block
from node.chain.genesis import Genesis, GenesisAccount
from node.chain.header import Header, prev_randao_of
from node.execution.dev import MARK_S, DevExecutor
from node.execution.executor import (
    AccountOverride,
    BlockEnv,
    BuildLimits,
    BuiltBlock,
    Call,
    TracerConfig,
    TxError,
    UnknownState,
)
from node.primitives import rlp
from node.primitives.types import Address, Hash32
from tests.node.execution.assembler import code, initcode
from tests.node.execution.local_chain import WORDS, genesis_for
from tests.node.execution.signing import CHAIN_ID, Draft, address_of

LIMITS = BuildLimits(gas=30_000_000, bytes=1_000_000, time_ms=600_000)
CALLS = TracerConfig("callTracer", {"withLog": True})
CODES = (
    b"",
    code(1, 0, "SSTORE", "STOP"),
    code("CHAINID", 1, "SSTORE", "PREVRANDAO", 2, "SSTORE", 0, 0, "LOG0", "STOP"),
    code(0, "SLOAD", 1, "ADD", 0, "SSTORE", 0, 3, "SSTORE", "STOP"),
    code("CALLER", "SELFDESTRUCT"),
    code(0, 0, "REVERT"),
    bytes.fromhex("ef0100") + b"\xc0" * 20,
)
CONTRACTS = tuple(Address(bytes((0xC0 + n,)) * 20) for n in range(4))
NOBODY = tuple(Address(bytes((0x70 + n,)) * 20) for n in range(3))
PEOPLE = tuple(address_of(word) for word in WORDS)
EVERYONE = (*CONTRACTS, *NOBODY, *PEOPLE)
SLOTS = range(5)
NUMBERS = (0, 0, 1, 2, 10**18, 2**200)


def marked(sender: Address, draft: Draft) -> bytes:
    """The transaction sent in the name of an account."""
    signed = rlp.to_list(rlp.decode(draft.sign("alice")[1:]))
    words: list[rlp.Item] = [b"", sender.lstrip(b"\0"), rlp.from_int(MARK_S)]
    fields: Any = [*signed[:-3], *words]
    return bytes((draft.type,)) + rlp.encode(fields)


@dataclass(frozen=True)
class Marked:
    """What is expected of a state after going back to it."""

    mark: int
    header: Header
    old: tuple[Header, ...]
    dump: dict[Address, GenesisAccount]


class DevPair:
    """See the module's docstring; all choices come from the seed."""

    def __init__(self, open_each: list[Callable[[Genesis], DevExecutor]], seed: int):
        genesis = genesis_for()
        contract = GenesisAccount(nonce=1, code=CODES[3], storage={0: 7, 4: 9})
        self.genesis = replace(genesis, alloc={**genesis.alloc, CONTRACTS[0]: contract})
        self.executors = [opened(self.genesis) for opened in open_each]
        self.random = random.Random(seed)
        self.headers = [self.genesis.header]
        self.chain_id = CHAIN_ID
        self.marks: list[Marked] = []
        self.refusals = 0
        self.rewinds = 0
        self.impersonated = 0

    def same(self, ask: Callable[[DevExecutor], Any]) -> Any:
        """The answer of both, which must be one."""
        first, second = (_answer(ask, executor) for executor in self.executors)
        assert first == second
        return first

    def step(self) -> None:
        """One thing that a dev chain does."""
        steps = (self.edit, self.block, self.block, self.mark, self.rewind, self.adopt)
        self.random.choice(steps)()
        self.same(lambda executor: executor.mark())
        self.same(lambda executor: executor.head)
        self.look(self.headers[-1])

    # -- the steps

    def edit(self) -> None:
        """Change a few accounts by decree."""
        changes = {}
        for at in self.random.sample(EVERYONE, self.random.randint(1, 3)):
            slots = self.random.sample(SLOTS, self.random.randint(0, 3))
            changes[at] = AccountOverride(
                balance=self._maybe(self.random.choice(NUMBERS)),
                nonce=self._maybe(self.random.choice((0, 1, 2**40))),
                code=self._maybe(self.random.choice(CODES)),
                state={1: 5, 4: 0} if self.random.random() < 0.1 else None,
                state_diff={slot: self.random.choice(NUMBERS) for slot in slots},
            )
        for executor in self.executors:
            executor.edit(changes)

    def block(self) -> None:
        """Build and execute a block, look at its trace, commit it or not."""
        parent, env = self.headers[-1], self.env()
        raws = [self.transaction() for _ in range(self.random.randint(0, 4))]
        self.same(lambda e: [_plain(found) for found in e.recover(raws)])
        built = self.same(lambda e: _told(e.build(parent, env, raws, LIMITS)))
        self.refusals += len(built.refused)
        for executor in self.executors:
            executor.discard(built.executed.digest)
        assert self.same(lambda e: e.execute(built.block)) == built.executed
        self.same(lambda e: e.view(parent.digest).trace_block(built.block, CALLS))
        if self.random.random() < 0.2:
            return
        for executor in self.executors:
            executor.commit(built.executed.digest)
        self.headers.append(Block.decode(built.block).header)

    def mark(self) -> None:
        """Remember this state."""
        mark = self.same(lambda executor: executor.mark())
        dump = self.same(lambda executor: executor.dump())
        self.marks.append(Marked(mark, self.headers[-1], tuple(self.headers), dump))

    def rewind(self) -> None:
        """Go back to one of the remembered states."""
        if not self.marks:
            return
        at = self.random.randrange(len(self.marks))
        chosen = self.marks[at]
        gone = self.headers[len(chosen.old) :]
        del self.marks[at:]
        self.headers = list(chosen.old)
        for executor in self.executors:
            executor.rewind(chosen.mark)
        assert self.same(lambda executor: executor.dump()) == chosen.dump
        for header in gone:
            assert self.same(lambda e, h=header: e.view(h.digest)) is UnknownState
        self.rewinds += 1

    def adopt(self) -> None:
        """Another chain id."""
        if self.random.random() < 0.3:
            self.chain_id = self.random.choice((CHAIN_ID, 1, 31_337))
            for executor in self.executors:
                executor.set_chain_id(self.chain_id)

    # -- what the steps are made of

    def env(self) -> BlockEnv:
        """A block's environment as cheat methods set it."""
        parent = self.headers[-1]
        number = parent.number + 1
        return BlockEnv(
            number=number,
            timestamp=parent.timestamp + self.random.choice((0, 1, 10**6)),
            coinbase=self.random.choice((*NOBODY, *PEOPLE)),
            gas_limit=self.random.choice((30_000_000, 1_000_000, 99_000)),
            base_fee_per_gas=self.random.choice((0, 1, 10**9, 10**11)),
            prev_randao=self.random.choice(
                (prev_randao_of(parent.digest, number), Hash32(b"\xab" * 32))
            ),
        )

    def transaction(self) -> bytes:
        """Signed, or in somebody's name; mostly with the nonce that is next."""
        draft = Draft(
            to=self.random.choice((*EVERYONE, b"")),
            data=initcode(self.random.choice(CODES)),
            value=self.random.choice((0, 0, 1, 10**30)),
            gas=self.random.choice((100_000, 200_000)),
            chain_id=self.chain_id,
        )
        impersonates = self.random.random() < 0.4
        word = self.random.choice(WORDS)
        sender = self.random.choice(EVERYONE) if impersonates else address_of(word)
        view = self.executors[0].view(self.headers[-1].digest)
        nonce = view.nonce(sender) + self.random.choice((0, 0, 0, 1))
        draft = replace(draft, nonce=nonce)
        self.impersonated += impersonates
        return marked(sender, draft) if impersonates else draft.sign(word)

    def look(self, header: Header) -> None:
        """Read everything that may have changed, and what an old block knew."""
        old = self.random.choice(self.headers)
        for digest in (header.digest, old.digest):
            self.same(lambda e, d=digest: _read(e, d))
        call = Call(PEOPLE[0], self.random.choice(EVERYONE), b"\1" * 40)
        env = self.env()
        self.same(lambda e: e.view(header.digest).call(call, env, {}))

    def _maybe(self, value: Any) -> Any:
        return value if self.random.random() < 0.5 else None


def _answer(ask: Callable[[DevExecutor], Any], executor: DevExecutor) -> Any:
    try:
        return ask(executor)
    except UnknownState:
        return UnknownState


def _told(built: BuiltBlock) -> BuiltBlock:
    """Without the numbers of refusals, which only one of the executors knows."""
    refused = tuple(
        (at, replace(error, message=error.message.split(",")[0]))
        for at, error in built.refused
    )
    return replace(built, refused=refused)


def _plain(found: Any) -> Any:
    return (found.kind, found.message) if isinstance(found, TxError) else found


def _read(executor: DevExecutor, digest: Hash32) -> list[Any]:
    view = executor.view(digest)
    found: list[Any] = [view.accounts(EVERYONE)]
    for at in EVERYONE:
        found += [view.code(at), *(view.slot(at, slot) for slot in SLOTS)]
        found.append(view.proof(at, [0]))
    return found
