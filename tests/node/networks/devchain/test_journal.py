"""A dev chain in a directory goes on where it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.networks.devchain.journal import FILE_NAME, JournalError
from tests.node.networks.devchain.asking import Asker, dev_chain

AT, TO = "0x" + "77" * 20, "0x" + "11" * 20
STORES_1 = "0x60015f5500"


async def look(ask: Asker) -> list[Any]:
    """What a client can see."""
    answers = [
        await ask("eth_getBlockByNumber", hex(number), True)
        for number in range(await ask.height() + 1)
    ]
    answers += [await ask("eth_getBlockReceipts", "latest"), await ask("eth_chainId")]
    answers += [
        await ask(method, at, *slot, "latest")
        for at in (AT, TO, ask.accounts[0])
        for method, *slot in (
            ("eth_getBalance",),
            ("eth_getTransactionCount",),
            ("eth_getCode",),
            ("eth_getStorageAt", "0x0"),
            ("eth_getStorageAt", "0x5"),
        )
    ]
    return answers


async def test_blocks_edits_and_steps_back_are_done_again(tmp_path: Path) -> None:
    async with dev_chain(directory=tmp_path) as ask:
        await ask("anvil_setCode", AT, STORES_1)
        await ask("anvil_setNonce", AT, "0x5")
        await ask("anvil_setStorageAt", AT, "0x5", "0x9")
        await ask.send(to=AT, value="0x3")
        snapshot = await ask("evm_snapshot")
        await ask.send(to=TO, value="0x1")
        await ask("anvil_setBalance", TO, "0x99")
        await ask("evm_revert", snapshot)
        await ask("eth_sendUnsignedTransaction", {"from": ask.accounts[4], "to": TO})
        await ask("anvil_setChainId", 4_000)
        await ask.send(to=TO, value="0x5")
        seen = await look(ask)
    for _ in range(2):
        async with dev_chain(directory=tmp_path) as again:
            assert await look(again) == seen
    async with dev_chain(directory=tmp_path) as again:
        assert (await again.send(to=TO))["blockNumber"] == "0x4"


async def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    async with dev_chain(directory=tmp_path) as ask:
        await ask.send(to=TO, value="0x5")
        seen = await look(ask)
    path = tmp_path / FILE_NAME
    with path.open("a") as file:
        file.write('{"block": "f90')
    async with dev_chain(directory=tmp_path) as again:
        assert await look(again) == seen
        await again("evm_mine")
    async with dev_chain(directory=tmp_path) as again:
        assert await again.height() == 2


@pytest.mark.parametrize("line", ["{}", "[]", "no json", '{"block": "00"}'])
async def test_a_damaged_file_is_named(tmp_path: Path, line: str) -> None:
    async with dev_chain(directory=tmp_path):
        pass
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(JournalError, match="is damaged"):
        async with dev_chain(directory=tmp_path):
            pass


async def test_a_block_that_does_not_follow_is_damage(tmp_path: Path) -> None:
    async with dev_chain(directory=tmp_path) as ask:
        await ask.send(to=TO, value="0x5")
    path = tmp_path / FILE_NAME
    first, block = path.read_text().splitlines()
    path.write_text("\n".join([first, block, block]) + "\n")
    with pytest.raises(JournalError, match="line 3"):
        async with dev_chain(directory=tmp_path):
            pass
    assert "genesis" in json.loads(first)
