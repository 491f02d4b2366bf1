"""Whatever a dev method is given, it answers with a result or a named error."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.node.networks.devchain.asking import Asked, Asker, dev_chain

AT = "0x" + "77" * 20
VALUES: list[Any] = [
    None,
    True,
    -1,
    1.5,
    "",
    "0x",
    "0xzz",
    "0x" + "f" * 63,
    "0x" + "f" * 64,
    "0x" + "f" * 65,
    2**63,
    AT,
    [],
    [AT],
    {},
    {"from": AT},
    {"from": 5, "to": AT},
    {"from": AT, "to": AT, "value": "0x" + "f" * 64},
    {"from": AT, "to": AT, "gas": "0x" + "f" * 16},
    {"from": AT, "data": "0x" + "00" * 60_000},
    {"depth": "0x" + "f" * 20},
    {"blocks": "0x" + "f" * 20},
    {"timestamp": "0x" + "f" * 16},
    {"tracer": [], "tracerConfig": 5},
    "latest",
]
INTERNAL = -32603


async def code_of(ask: Asker, method: str, params: list[Any]) -> int:
    """The code of the error that it answers with, 0 for a result."""
    try:
        await ask(method, *params)
    except Asked as error:
        return int(error.code)
    return 0


async def dev_methods() -> list[str]:
    """Every method, each dev method under one of its names."""
    async with dev_chain() as ask:
        names = sorted(ask.node.dispatcher.methods)
    kept = [name for name in names if not name.startswith(("evm_", "hardhat_"))]
    return [*kept, "evm_mine", "evm_mine_detailed"]


METHODS = asyncio.run(dev_methods())


@pytest.mark.parametrize("method", METHODS)
async def test_no_parameters_break_a_method(method: str) -> None:
    async with dev_chain() as ask:
        await ask("anvil_setBalance", AT, "0x" + "f" * 64)
        await ask("anvil_autoImpersonateAccount", True)
        some = [[a] for a in VALUES]
        some += [[AT, a] for a in VALUES]
        some += [[AT, a, b] for a, b in itertools.product(VALUES[4:12], repeat=2)]
        broken = [p for p in ([], *some) if await code_of(ask, method, p) == INTERNAL]
        assert broken == []
        # Whatever was set, the chain goes on.
        await ask("anvil_reset")
        await ask("evm_mine")
        assert await ask.height() == 1
