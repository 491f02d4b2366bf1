"""Hypothesis strategies of contracts and transactions that do everything at once.

A program is a list of snippets, each well-formed by itself, so that most of them run to
their end; some end in a revert, run out of gas or into garbage.
"""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from node.chain.transaction import ACCESS_LIST, DYNAMIC_FEE, LEGACY, SET_CODE
from node.primitives.types import Address
from tests.node.execution.assembler import code, initcode
from tests.node.execution.signing import (
    CHAIN_ID,
    GWEI,
    Draft,
    address_of,
    authorization,
)

WORDS = ("alice", "bob", "carol", "dave")
POOR = "poor"
CONTRACTS = tuple(Address(bytes((0xC0 + n,)) * 20) for n in range(4))
UNUSED = Address(b"\x77" * 20)
# Pairings are left to the public vectors: in Python they take seconds.
PRECOMPILES = tuple(
    Address(bytes(19) + bytes((n,))) for n in (1, 2, 3, 4, 5, 6, 7, 9, 11, 16, 17)
)
PEOPLE = tuple(address_of(word) for word in (*WORDS, POOR, "v1"))

numbers = st.one_of(
    st.integers(0, 3), st.sampled_from([31, 32, 255, 2**64, 2**160, 2**255, 2**256 - 1])
)
slots = st.integers(0, 3)
anyone = st.sampled_from([*CONTRACTS, *CONTRACTS, *PEOPLE, UNUSED, *PRECOMPILES])

TWO = ("ADD", "SUB", "MUL", "DIV", "SDIV", "MOD", "SMOD", "EXP", "SIGNEXTEND", "LT")
TWO += ("GT", "SLT", "SGT", "EQ", "AND", "OR", "XOR", "BYTE", "SHL", "SHR", "SAR")
ENVIRONMENT = ("ADDRESS", "ORIGIN", "CALLER", "CALLVALUE", "CALLDATASIZE", "CODESIZE")
ENVIRONMENT += ("GASPRICE", "RETURNDATASIZE", "COINBASE", "TIMESTAMP", "NUMBER", "GAS")
ENVIRONMENT += ("PREVRANDAO", "GASLIMIT", "CHAINID", "SELFBALANCE", "BASEFEE", "MSIZE")
ENVIRONMENT += ("BLOBBASEFEE", "PC")
CALLS = ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")
BEGINS_WITH_EF = code(0xEF, 0, "MSTORE8", 1, 0, "RETURN")


@st.composite
def calculation(draw) -> bytes:
    words = [draw(numbers), draw(numbers)]
    return code(*words, draw(st.sampled_from(TWO)), draw(slots), "SSTORE")


@st.composite
def environment(draw) -> bytes:
    return code(draw(st.sampled_from(ENVIRONMENT)), draw(slots), "SSTORE")


@st.composite
def storage(draw) -> bytes:
    pieces = (
        code(draw(numbers), draw(slots), "SSTORE"),
        code(draw(slots), "SLOAD", draw(slots), "SSTORE"),
        code(draw(numbers), draw(slots), "TSTORE"),
        code(draw(slots), "TLOAD", draw(slots), "SSTORE"),
    )
    return draw(st.sampled_from(pieces))


@st.composite
def memory(draw) -> bytes:
    at, size = draw(st.integers(0, 70)), draw(st.integers(0, 70))
    pieces = (
        code(draw(numbers), at, "MSTORE"),
        code(draw(numbers), at, "MSTORE8"),
        code(at, "MLOAD", draw(slots), "SSTORE"),
        code(size, at, "KECCAK256", draw(slots), "SSTORE"),
        code(size, draw(slots), at, "CALLDATACOPY"),
        code(size, draw(slots), at, "CODECOPY"),
        code(size, at, draw(slots), "MCOPY"),
        code(draw(slots), "CALLDATALOAD", draw(slots), "SSTORE"),
    )
    return draw(st.sampled_from(pieces))


@st.composite
def other_account(draw) -> bytes:
    at = draw(anyone)
    pieces = (
        code(at, "BALANCE", draw(slots), "SSTORE"),
        code(at, "EXTCODESIZE", draw(slots), "SSTORE"),
        code(at, "EXTCODEHASH", draw(slots), "SSTORE"),
        code(draw(slots), 0, 0, at, "EXTCODECOPY"),
        code(draw(slots), "NUMBER", "SUB", "BLOCKHASH", draw(slots), "SSTORE"),
    )
    return draw(st.sampled_from(pieces))


@st.composite
def message_call(draw) -> bytes:
    kind = draw(st.sampled_from(CALLS))
    output, data = draw(st.integers(0, 40)), draw(st.integers(0, 130))
    value = (draw(st.integers(0, 2)),) if kind in ("CALL", "CALLCODE") else ()
    target = draw(st.one_of(anyone, st.just("ADDRESS")))
    gas = draw(st.sampled_from(["GAS", 0, 2_300, 30_000]))
    call = code(output, 0, data, 0, *value, target, gas, kind, draw(slots), "SSTORE")
    copy = code("RETURNDATASIZE", 0, 0, "RETURNDATACOPY")
    return call + draw(st.sampled_from([b"", copy]))


@st.composite
def log(draw) -> bytes:
    topics = draw(st.integers(0, 4))
    words = [draw(numbers) for _ in range(topics)]
    return code(*words, draw(st.integers(0, 40)), 0, f"LOG{topics}")


INITCODES = (
    b"",
    initcode(code(1, 0, "SSTORE")),
    initcode(code("CALLER", "SELFDESTRUCT")),
    code("CALLER", "SELFDESTRUCT"),
    code(0, 0, "REVERT"),
    code(1, 1, "SSTORE", "ADDRESS", "SELFDESTRUCT"),
    BEGINS_WITH_EF,
    code(24_577, 0, "RETURN"),
    code("INVALID"),
)


@st.composite
def creation(draw) -> bytes:
    init = draw(st.sampled_from(INITCODES))
    if draw(st.booleans()):
        salt, kind = (draw(slots),), "CREATE2"
    else:
        salt, kind = (), "CREATE"
    keep = b"".join(
        code(init[at : at + 32].ljust(32, b"\0"), at, "MSTORE")
        for at in range(0, len(init), 32)
    )
    value = draw(st.integers(0, 1))
    call = code(*salt, len(init), 0, value, kind)
    use = draw(st.sampled_from([code(draw(slots), "SSTORE"), _call_the_top()]))
    return keep + call + use


def _call_the_top() -> bytes:
    """Call the address on the stack."""
    arguments = code(0, 0, 0, 0, 0)
    return arguments + code("DUP6", "GAS", "CALL", 3, "SSTORE", "POP")


@st.composite
def loop(draw) -> bytes:
    """Counts down, wherever the snippet comes to stand."""
    back = ("PC", 6, "SWAP1", "SUB", "JUMPI")
    head = code(draw(st.integers(1, 20)), "JUMPDEST", 1, "SWAP1", "SUB", "DUP1")
    return head + code(*back, "POP")


@st.composite
def ending(draw) -> bytes:
    size = draw(st.integers(0, 70))
    pieces = (
        code("STOP"),
        code("STOP"),
        code(size, 0, "RETURN"),
        code(size, 0, "REVERT"),
        code("INVALID"),
        code(draw(anyone), "SELFDESTRUCT"),
        code("ADDRESS", "SELFDESTRUCT"),
        code(":again", "@again", "JUMP"),
        code("GAS", "JUMP"),
        code(2**40, "MLOAD"),
        draw(st.binary(max_size=12)),
    )
    return draw(st.sampled_from(pieces))


snippets = st.one_of(
    calculation(),
    environment(),
    storage(),
    memory(),
    other_account(),
    message_call(),
    message_call(),
    log(),
    creation(),
    loop(),
)


@st.composite
def programs(draw) -> bytes:
    """Runtime code."""
    body = b"".join(draw(st.lists(snippets, max_size=6)))
    return body + draw(ending())


@dataclass(frozen=True)
class Planned:
    """A transaction before it has its nonce; `broken` changes it after that."""

    word: str
    draft: Draft
    nonce_offset: int = 0
    tail: bytes = b""

    def sign(self, nonce: int) -> bytes:
        """The raw transaction for an account at this nonce."""
        draft = replace(self.draft, nonce=max(nonce + self.nonce_offset, 0))
        return draft.sign(self.word) + self.tail


@st.composite
def sound_transactions(draw) -> Planned:
    """Any type, to anyone, with enough gas for most programs."""
    kind = draw(st.sampled_from([LEGACY, ACCESS_LIST, DYNAMIC_FEE, SET_CODE]))
    creates = kind != SET_CODE and draw(st.integers(0, 4)) == 0
    data = draw(st.binary(max_size=70))
    if creates:
        data = draw(st.one_of(st.sampled_from(INITCODES), programs().map(initcode)))
    listed = []
    if kind != LEGACY:
        listed = draw(
            st.lists(st.tuples(anyone, st.lists(slots, max_size=2)), max_size=2)
        )
    return Planned(
        draw(st.sampled_from(WORDS)),
        Draft(
            to=b"" if creates else draw(anyone),
            data=data,
            value=draw(st.integers(0, 3)),
            gas=draw(st.sampled_from([60_000, 120_000, 400_000])),
            type=kind,
            priority_fee=draw(st.integers(0, 2)) * GWEI,
            access_list=listed,
            authorizations=draw(authorizations(kind)),
        ),
    )


def authorizations(kind: int):
    """Delegations of people to contracts and back; some do not hold."""
    if kind != SET_CODE:
        return st.just([])
    signed = st.builds(
        authorization,
        st.sampled_from([*WORDS, POOR, "nobody"]),
        st.sampled_from([*CONTRACTS, *PRECOMPILES[:2], Address(bytes(20)), UNUSED]),
        st.integers(0, 3),
        st.sampled_from([0, 0, CHAIN_ID, 1]),
    )
    return st.lists(signed, min_size=1, max_size=3)


SOUND = Planned("alice", Draft(UNUSED, value=1, gas=60_000))


def _with(**changes) -> Planned:
    return replace(SOUND, draft=replace(SOUND.draft, **changes))


BROKEN = (
    replace(SOUND, word=POOR),
    replace(SOUND, nonce_offset=-1),
    replace(SOUND, nonce_offset=1),
    replace(SOUND, nonce_offset=2**64 - 1),
    replace(SOUND, nonce_offset=2**64),
    replace(SOUND, tail=b"\0"),
    _with(chain_id=1),
    _with(type=LEGACY, chain_id=1),
    _with(gas=20_999),
    _with(gas=20_999, type=LEGACY),
    _with(gas=10**9),
    _with(data=b"\1" * 2_000, gas=60_000),
    _with(max_fee=1, priority_fee=0),
    _with(max_fee=GWEI, priority_fee=2 * GWEI),
    _with(max_fee=2**128),
    _with(max_fee=2**128 - 1),
    _with(value=2**255),
    _with(value=2**256 - 1),
    _with(to=b"\1" * 19),
    _with(to=b"", data=bytes(49_153), gas=10**7),
    _with(data=bytes(131_072), gas=10**7),
    _with(type=SET_CODE),
    _with(type=SET_CODE, to=b"", authorizations=[authorization("bob", UNUSED, 0)]),
)

transactions = st.one_of(
    sound_transactions(), sound_transactions(), st.sampled_from(BROKEN)
)
blocks = st.lists(st.lists(transactions, max_size=6), min_size=1, max_size=3)
