"""The log of a dev chain says what happened and why it failed."""

import asyncio
import logging

import pytest
from eth_abi import encode

from tests.node.networks.devchain.asking import dev_chain

AT = "0x" + "77" * 20
OUTER = "0x" + "78" * 20


def reverting(output: bytes) -> str:
    """Code that reverts with the output."""
    size = len(output)
    copy = f"60{size:02x}600b5f3960{size:02x}5ffd" + "00" * 1
    assert len(bytes.fromhex(copy)) == 11
    return "0x" + copy + output.hex()


async def test_a_failed_transaction_is_explained(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "chandlery.dev")
    reason = bytes.fromhex("08c379a0") + encode(["string"], ["out of wax"])
    async with dev_chain() as ask:
        await ask("anvil_setCode", AT, reverting(reason))
        # Calls AT and reverts with what it said.
        outer = "5f5f5f5f5f73" + "77" * 20 + "5af13d5f5f3e3d5ffd"
        await ask("anvil_setCode", OUTER, "0x" + outer)
        receipt = await ask.send(to=OUTER, gas="0x20000")
        async with asyncio.timeout(10):
            while "out of wax" not in caplog.text:
                await ask.node.chain.run(lambda: None)
        assert receipt["transactionHash"] in caplog.text
        assert "FAILED" in caplog.text
        assert f"execution reverted: out of wax (in {AT})" in caplog.text


async def test_a_custom_error_is_shown_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "chandlery.dev")
    async with dev_chain() as ask:
        await ask("anvil_setCode", AT, reverting(bytes.fromhex("deadbeef01")))
        await ask.send(to=AT, gas="0x20000")
        async with asyncio.timeout(10):
            while "custom error 0xdeadbeef 01" not in caplog.text:
                await ask.node.chain.run(lambda: None)


async def test_logging_can_be_switched_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chandlery.dev")
    async with dev_chain() as ask:
        await ask("hardhat_setLoggingEnabled", False)
        await ask.send(to=AT)
        assert caplog.text == ""
        await ask("hardhat_setLoggingEnabled", True)
        await ask.send(to=AT)
        assert "block 2: 1 transactions" in caplog.text
