"""State written by decree, impersonation, snapshots, dumps."""

import gzip
import json
from collections.abc import AsyncIterator

import pytest

from tests.node.networks.devchain.asking import ETHER, Asked, Asker, dev_chain

AT = "0x" + "77" * 20
TO = "0x" + "11" * 20
RETURNS_SLOT_0 = "0x5f545f5260205ff3"
STORES_1 = "0x60015f5500"  # PUSH1 1 PUSH0 SSTORE STOP
NAMES = ("anvil_", "hardhat_")


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        yield asker


@pytest.mark.parametrize("prefix", NAMES)
async def test_accounts_are_what_was_set(ask: Asker, prefix: str) -> None:
    await ask(prefix + "setBalance", AT, hex(5 * ETHER))
    await ask(prefix + "setNonce", AT, "0x7")
    await ask(prefix + "setCode", AT, RETURNS_SLOT_0)
    assert await ask(prefix + "setStorageAt", AT, "0x0", "0x" + "0" * 62 + "2a") is True
    assert await ask.balance(AT) == 5 * ETHER
    assert await ask("eth_getTransactionCount", AT, "latest") == "0x7"
    assert await ask("eth_getCode", AT, "latest") == RETURNS_SLOT_0
    assert int(await ask("eth_call", {"to": AT}, "latest"), 16) == 42


async def test_edits_are_in_the_next_block_and_survive_it(ask: Asker) -> None:
    await ask("anvil_setCode", AT, STORES_1)
    await ask("anvil_addBalance", AT, "0x5")
    await ask("anvil_addBalance", AT, "0x5")
    await ask.send(to=AT)
    assert int(await ask("eth_getStorageAt", AT, "0x0", "latest"), 16) == 1
    assert await ask.balance(AT) == 10
    proof = await ask("eth_getProof", AT, ["0x0"], "latest")
    assert proof["storageProof"][0]["value"] == "0x1"


async def test_storage_that_is_set_replaces_nothing_else(ask: Asker) -> None:
    await ask("anvil_setCode", AT, STORES_1)
    await ask.send(to=AT)
    await ask("anvil_setStorageAt", AT, "0x5", "0x9")
    assert int(await ask("eth_getStorageAt", AT, "0x0", "latest"), 16) == 1
    await ask("anvil_setStorageAt", AT, "0x0", "0x0")
    assert int(await ask("eth_getStorageAt", AT, "0x0", "latest"), 16) == 0
    assert int(await ask("eth_getStorageAt", AT, "0x5", "latest"), 16) == 9


async def test_old_blocks_do_not_see_edits(ask: Asker) -> None:
    await ask("evm_mine")
    await ask("anvil_setBalance", AT, "0x9")
    assert await ask("eth_getBalance", AT, "0x0") == "0x0"


async def test_an_impersonated_contract_sends(ask: Asker) -> None:
    await ask("anvil_setCode", AT, STORES_1)
    await ask("anvil_setBalance", AT, hex(ETHER))
    request = {"from": AT, "to": TO, "value": "0x3"}
    with pytest.raises(Asked, match="no signer"):
        await ask("eth_sendTransaction", request)
    await ask("hardhat_impersonateAccount", AT)
    sent = await ask("eth_sendTransaction", request)
    assert (await ask("eth_getTransactionReceipt", sent))["from"] == AT
    assert (await ask("eth_getTransactionByHash", sent))["from"] == AT
    assert await ask.balance(TO) == 3
    await ask("anvil_stopImpersonatingAccount", AT)
    with pytest.raises(Asked, match="no signer"):
        await ask("eth_sendTransaction", request)


async def test_anyone_is_impersonated_when_asked(ask: Asker) -> None:
    await ask("anvil_setBalance", AT, hex(ETHER))
    await ask("anvil_autoImpersonateAccount", True)
    receipt = await ask.send(**{"from": AT, "to": TO, "value": "0x1"})
    assert receipt["from"] == AT
    await ask("anvil_autoImpersonateAccount", False)
    sent = await ask("eth_sendUnsignedTransaction", {"from": AT, "to": TO})
    assert (await ask("eth_getTransactionReceipt", sent))["from"] == AT


async def test_the_mark_of_impersonation_cannot_be_sent_as_raw_bytes(
    ask: Asker,
) -> None:
    await ask("anvil_setBalance", AT, hex(ETHER))
    sent = await ask("eth_sendUnsignedTransaction", {"from": AT, "to": TO})
    raw = await ask("eth_getRawTransactionByHash", sent)
    await ask("anvil_reset")
    await ask("anvil_setBalance", AT, hex(ETHER))
    with pytest.raises(Asked, match="invalid sender"):
        await ask("eth_sendRawTransaction", raw)


async def test_a_snapshot_brings_everything_back(ask: Asker) -> None:
    snapshot = await ask("evm_snapshot")
    before = await ask.block()
    await ask("anvil_setBalance", AT, "0x5")
    receipt = await ask.send(to=TO, value="0x1")
    await ask("anvil_setCoinbase", AT)
    await ask("evm_increaseTime", 10**6)
    await ask("evm_mine")
    assert await ask("evm_revert", snapshot) is True
    assert await ask.block() == before
    assert await ask("eth_getTransactionReceipt", receipt["transactionHash"]) is None
    assert await ask("eth_getBlockByHash", receipt["blockHash"], False) is None
    assert (await ask.balance(AT), await ask.balance(TO)) == (0, 0)
    again = await ask.send(to=TO, value="0x1")
    assert again["blockNumber"] == "0x1"
    block = await ask.block()
    assert block["miner"] != AT
    passed = int(block["timestamp"], 16) - int(before["timestamp"], 16)
    assert passed < 1_000


async def test_a_snapshot_is_used_once_and_voids_later_ones(ask: Asker) -> None:
    first, second = await ask("evm_snapshot"), await ask("evm_snapshot")
    assert first != second
    assert await ask("evm_revert", first) is True
    assert await ask("evm_revert", second) is False
    assert await ask("evm_revert", first) is False


async def test_edits_between_snapshots_come_back_one_by_one(ask: Asker) -> None:
    snapshots = []
    for balance in range(3):
        await ask("anvil_setBalance", AT, hex(balance))
        snapshots.append(await ask("evm_snapshot"))
    await ask("evm_mine")
    for balance, snapshot in reversed(list(enumerate(snapshots))):
        assert await ask("evm_revert", snapshot) is True
        assert await ask.balance(AT) == balance


async def test_waiting_transactions_come_back_with_a_snapshot(ask: Asker) -> None:
    await ask("evm_setAutomine", False)
    sent = await ask("eth_sendTransaction", {"from": ask.accounts[0], "to": TO})
    snapshot = await ask("evm_snapshot")
    await ask("evm_mine")
    assert await ask("evm_revert", snapshot) is True
    assert (await ask("eth_getTransactionByHash", sent))["blockNumber"] is None
    await ask("evm_mine")
    assert (await ask("eth_getTransactionReceipt", sent))["status"] == "0x1"


async def test_a_thousand_resets_leave_nothing_behind(ask: Asker) -> None:
    executor = ask.node.chain.executor
    sizes = [executor.held]
    for turn in range(1_000):
        snapshot = await ask("evm_snapshot")
        at = f"0x{turn + 1:040x}"
        await ask("anvil_setCode", at, f"0x60{turn % 256:02x}00")
        await ask("anvil_setStorageAt", at, hex(turn), "0x5")
        assert executor.held > sizes[0]
        await ask("evm_revert", snapshot)
        sizes.append(executor.held)
    assert len(set(sizes)) == 1


async def test_blocks_are_rolled_back(ask: Asker) -> None:
    await ask.send(to=TO, value="0x1")
    await ask("anvil_setBalance", AT, "0x5")
    await ask.send(to=TO, value="0x1")
    await ask("anvil_rollback", 1)
    assert await ask.height() == 1
    assert (await ask.balance(TO), await ask.balance(AT)) == (1, 5)
    with pytest.raises(Asked, match="cannot roll back"):
        await ask("anvil_rollback", 2)


async def test_a_reorganisation_gives_other_blocks_of_the_same_heights(
    ask: Asker,
) -> None:
    await ask.send(to=TO, value="0x1")
    await ask("anvil_mine", 2)
    before = (await ask.block())["hash"]
    await ask("anvil_setCoinbase", AT)
    await ask("anvil_reorg", {"depth": 2, "txBlockPairs": []})
    assert await ask.height() == 3
    assert (await ask.block())["hash"] != before
    assert await ask.balance(TO) == 1


async def test_a_reorganisation_puts_transactions_into_the_blocks_named(
    ask: Asker,
) -> None:
    request = {"from": ask.accounts[1], "to": TO, "value": "0x7"}
    raw = (await ask("eth_signTransaction", request))["raw"]
    await ask.send(to=TO, value="0x1")
    await ask.send(to=TO, value="0x1")
    own = {"from": ask.accounts[0], "to": TO, "value": "0x5"}
    await ask("anvil_reorg", 2, [[own, 1], [raw, 0], [own, 1]])
    assert await ask.balance(TO) == 17
    assert [len((await ask.block(at))["transactions"]) for at in ("0x1", "0x2")] == [
        1,
        2,
    ]
    assert await ask("anvil_getAutomine") is True
    for pairs, words in (
        ([[own, 2]], "none of the 2 new ones"),
        ([own], "expected"),
        ([["0x00", 0]], "old blocks are gone"),
    ):
        with pytest.raises(Asked, match=words):
            await ask("anvil_reorg", 2, pairs)


async def test_time_moves_on_from_the_newest_block_also_when_it_is_ahead(
    ask: Asker,
) -> None:
    for _ in range(5):
        await ask("evm_mine")  # five seconds of chain time, at once
    before = int((await ask.block())["timestamp"], 16)
    await ask("evm_increaseTime", 100)
    await ask("evm_mine")
    moved = int((await ask.block())["timestamp"], 16) - before
    assert 100 <= moved < 160


async def test_a_dump_is_loaded_into_another_chain(ask: Asker) -> None:
    await ask("anvil_setCode", AT, STORES_1)
    await ask.send(to=AT, value="0x8")
    dump = await ask("anvil_dumpState")
    async with dev_chain() as other:
        assert await other("anvil_loadState", dump) is True
        assert await other.balance(AT) == 8
        assert int(await other("eth_getStorageAt", AT, "0x0", "latest"), 16) == 1
        assert await other("eth_getTransactionCount", ask.accounts[0], "latest") == (
            "0x1"
        )


async def test_a_dump_has_the_form_of_anvils(ask: Asker) -> None:
    dump = bytes.fromhex((await ask("anvil_dumpState"))[2:])
    document = json.loads(gzip.decompress(dump))
    account = document["accounts"][ask.accounts[0]]
    assert account == {
        "nonce": 0,
        "balance": hex(10_000 * ETHER),
        "code": "0x",
        "storage": {},
    }
    assert document["best_block_number"] == 0


@pytest.mark.parametrize("bad", ["0x", "0x1f8b00", "0x7b7d", "0x5b5d"])
async def test_what_is_no_dump_is_refused(ask: Asker, bad: str) -> None:
    with pytest.raises(Asked, match="not a state dump") as caught:
        await ask("anvil_loadState", bad)
    assert caught.value.code == -32602


async def test_the_chain_id_can_be_changed(ask: Asker) -> None:
    await ask("anvil_setChainId", 4_242)
    assert await ask.number("eth_chainId") == 4_242
    assert (await ask.send(to=TO, value="0x1"))["status"] == "0x1"
    found = await ask("eth_getBlockByNumber", "latest", True)
    assert found["transactions"][0]["chainId"] == hex(4_242)


async def test_a_reset_begins_again_and_forking_is_refused(ask: Asker) -> None:
    genesis = await ask.block()
    await ask.send(to=TO, value="0x1")
    await ask("hardhat_reset")
    assert await ask.block() == genesis
    with pytest.raises(Asked, match="not supported"):
        await ask("hardhat_reset", {"forking": {"jsonRpcUrl": "http://127.0.0.1"}})


async def test_the_node_says_what_it_is() -> None:
    async with dev_chain(compat="anvil", chain_id=7) as ask:
        assert (await ask("web3_clientVersion")).startswith("anvil/")
        info = await ask("anvil_nodeInfo")
        assert (info["hardFork"], info["environment"]["chainId"]) == ("prague", 7)
        metadata = await ask("hardhat_metadata")
        assert metadata["chainId"] == 7


@pytest.mark.parametrize(
    ("coinbase", "runs", "status"),
    [
        (False, "0x", "0x0"),  # a transfer fails, with its gas
        (True, "0x00", "0x1"),  # what is paid for gas is lost
    ],
)
async def test_an_account_may_have_all_ether_there_can_be(
    ask: Asker, coinbase: bool, runs: str, status: str
) -> None:
    most = hex(2**256 - 1)
    await ask("anvil_setBalance", AT, most)
    if coinbase:
        await ask("anvil_setCoinbase", AT)
    await ask("anvil_setCode", TO, runs)
    to = TO if coinbase else AT
    request = {"from": ask.accounts[0], "to": to, "value": "0x1", "gas": "0x30000"}
    sent = await ask("eth_sendTransaction", request)
    receipt = await ask("eth_getTransactionReceipt", sent)
    assert receipt["status"] == status
    assert coinbase or receipt["gasUsed"] == "0x30000"
    assert await ask("eth_getBalance", AT, "latest") == most
    await ask("anvil_setNonce", AT, "0x5")
    assert await ask.balance(AT) == 2**256 - 1
