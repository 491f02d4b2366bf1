"""The calls that open and close every block, made for simulated ones too.

Before the transactions EIP-4788 (beacon root) and EIP-2935 (parent hash), after them
EIP-7002 and EIP-7251, whose requests nobody takes (see node/execution/executor.py).
Each only where the contract exists; one that fails changes nothing, as in geth. The
caller's own nonce, which an ordinary call counts, does not count here.
"""

from node.chain.header import Header
from node.execution.executor import (
    TOUCH_TRACER,
    BlockEnv,
    Call,
    StateView,
    TracerConfig,
)
from node.primitives.types import Address, Hash32
from node.rpc.errors import server_error
from node.rpc.simulating.state import GrowingState

SYSTEM_ADDRESS = Address(b"\xff" * 19 + b"\xfe")
SYSTEM_GAS = 30_000_000
INTRINSIC_GAS = 100_000
"""More than an ordinary call of 32 bytes pays before it begins."""
BEACON_ROOTS = Address(bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02"))
HISTORY = Address(bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935"))
WITHDRAWALS = Address(bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002"))
CONSOLIDATIONS = Address(bytes.fromhex("0000bbddc7ce488642fb579f8b00f3a590007251"))


def open_block(
    view: StateView, state: GrowingState, env: BlockEnv, parent: Header, root: Hash32
) -> None:
    """What happens before the first transaction; `root` is the beacon block's."""
    _call(view, state, env, BEACON_ROOTS, root)
    _call(view, state, env, HISTORY, parent.digest)


def close_block(view: StateView, state: GrowingState, env: BlockEnv) -> None:
    """What happens after the last one."""
    _call(view, state, env, WITHDRAWALS, b"")
    _call(view, state, env, CONSOLIDATIONS, b"")


def _call(
    view: StateView, state: GrowingState, env: BlockEnv, at: Address, data: bytes
) -> None:
    if not state.code(at):
        return
    call = Call(SYSTEM_ADDRESS, at, data, gas=SYSTEM_GAS + INTRINSIC_GAS)
    try:
        touched = view.trace_call(
            call, env, state.overrides, TracerConfig(TOUCH_TRACER)
        )
    except ValueError as error:
        raise server_error(f"system call of 0x{at.hex()}: {error}") from None
    touched["accounts"].pop("0x" + SYSTEM_ADDRESS.hex(), None)
    state.grow(touched)
