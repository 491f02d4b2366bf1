"""When a dev chain seals, and what time its blocks have."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tests.node.networks.devchain.asking import Asked, Asker, dev_chain

TO = "0x" + "11" * 20


async def signed(ask: Asker, at: int) -> str:
    """1 wei from an account, signed but not sent."""
    request = {"from": ask.accounts[at], "to": TO, "value": "0x1"}
    raw: str = (await ask("eth_signTransaction", request))["raw"]
    return raw


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        yield asker


async def test_a_transaction_is_in_a_block_when_it_is_answered(ask: Asker) -> None:
    receipt = await ask.send(to=TO, value="0x5")
    assert receipt["status"] == "0x1"
    assert receipt["blockNumber"] == "0x1"
    assert await ask.balance(TO) == 5


async def test_what_cannot_run_yet_waits_and_seals_nothing(ask: Asker) -> None:
    sender = {"from": ask.accounts[0], "to": TO, "gas": "0x5208"}
    second = await ask("eth_sendTransaction", {**sender, "nonce": "0x1"})
    assert await ask.height() == 0
    first = await ask("eth_sendTransaction", {**sender, "nonce": "0x0"})
    for sent in (first, second):
        assert (await ask("eth_getTransactionReceipt", sent))["status"] == "0x1"


async def test_transactions_of_one_moment_share_a_block(ask: Asker) -> None:
    raws = [await signed(ask, at) for at in (1, 2, 3)]
    sent = await asyncio.gather(*(ask("eth_sendRawTransaction", raw) for raw in raws))
    receipts = [await ask("eth_getTransactionReceipt", at) for at in sent]
    assert [receipt["blockNumber"] for receipt in receipts] == ["0x1"] * 3
    assert [receipt["from"] for receipt in receipts] == ask.accounts[1:4]
    assert await ask.balance(TO) == 3


async def test_what_is_refused_harms_nothing_of_the_same_moment(ask: Asker) -> None:
    raws = [await signed(ask, at) for at in (1, 2)]
    await ask("anvil_setCode", ask.accounts[1], "0x00")
    broken = "0x02c0"
    answers = await asyncio.gather(
        *(ask("eth_sendRawTransaction", raw) for raw in (broken, *raws, raws[1])),
        return_exceptions=True,
    )
    found = [str(answer) for answer in answers]
    assert found[0].startswith("invalid transaction")
    assert found[1].startswith("sender not an eoa")
    assert "already known" in found[3]
    assert await ask("eth_getTransactionReceipt", found[2])
    assert await ask.balance(TO) == 1


async def test_without_automine_only_mining_seals(ask: Asker) -> None:
    await ask("evm_setAutomine", False)
    assert await ask("anvil_getAutomine") is False
    sent = await ask("eth_sendTransaction", {"from": ask.accounts[0], "to": TO})
    assert await ask("eth_getTransactionReceipt", sent) is None
    pending = await ask.number("eth_getTransactionCount", ask.accounts[0], "pending")
    assert pending == 1
    assert await ask("evm_mine") == "0x0"
    assert (await ask("eth_getTransactionReceipt", sent))["blockNumber"] == "0x1"


async def test_dropped_transactions_are_never_sealed(ask: Asker) -> None:
    await ask("evm_setAutomine", False)
    request = {"from": ask.accounts[0], "to": TO}
    sent = await ask("eth_sendTransaction", request)
    assert await ask("anvil_dropTransaction", sent) == sent
    assert await ask("hardhat_dropTransaction", sent) is None
    await ask("eth_sendTransaction", request)
    await ask("anvil_dropAllTransactions")
    await ask("evm_mine")
    assert (await ask.block())["transactions"] == []


async def test_many_blocks_are_mined_with_an_interval(ask: Asker) -> None:
    await ask("hardhat_mine", "0x3", "0x3c")
    assert await ask.height() == 3
    times = [int((await ask.block(hex(n)))["timestamp"], 16) for n in (1, 2, 3)]
    assert [b - a for a, b in pairwise(times)] == [60, 60]


async def test_a_block_time_seals_without_transactions() -> None:
    async with dev_chain(block_time_s=0.01) as ask:
        filter_id = await ask("eth_newBlockFilter")
        seen: list[str] = []
        while len(seen) < 2:
            await ask.node.chain.run(lambda: None)
            seen += await ask("eth_getFilterChanges", filter_id)
        assert await ask("anvil_getAutomine") is False


async def test_every_block_is_later_than_its_parent(ask: Asker) -> None:
    await ask("anvil_mine", 5)
    times = [int((await ask.block(hex(n)))["timestamp"], 16) for n in range(6)]
    assert times == sorted(set(times))


async def test_the_next_timestamp_is_what_was_set_and_time_goes_on(ask: Asker) -> None:
    then = int((await ask.block())["timestamp"], 16) + 1_000_000
    await ask("evm_setNextBlockTimestamp", then)
    await ask("evm_mine")
    assert int((await ask.block())["timestamp"], 16) == then
    await ask("evm_mine")
    assert int((await ask.block())["timestamp"], 16) in range(then + 1, then + 60)
    with pytest.raises(Asked, match="not above"):
        await ask("evm_setNextBlockTimestamp", then)


async def test_time_can_be_moved(ask: Asker) -> None:
    before = int((await ask.block())["timestamp"], 16)
    assert await ask("evm_increaseTime", "0x3e8") == 1_000
    assert await ask("evm_increaseTime", 1_000) == 2_000
    await ask("evm_mine")
    after = int((await ask.block())["timestamp"], 16)
    assert after - before in range(2_000, 2_060)


async def test_blocks_can_have_a_fixed_distance(ask: Asker) -> None:
    await ask("anvil_setBlockTimestampInterval", 12)
    await ask("anvil_mine", 2)
    times = [int((await ask.block(hex(n)))["timestamp"], 16) for n in (1, 2)]
    assert times[1] - times[0] == 12
    assert await ask("anvil_removeBlockTimestampInterval") is True
    assert await ask("anvil_removeBlockTimestampInterval") is False


async def test_the_environment_of_the_next_block_is_what_was_set(ask: Asker) -> None:
    coinbase, randao = "0x" + "c0" * 20, "0x" + "ab" * 32
    await ask("hardhat_setCoinbase", coinbase)
    await ask("hardhat_setPrevRandao", randao)
    await ask("hardhat_setNextBlockBaseFeePerGas", "0x64")
    assert await ask("evm_setBlockGasLimit", "0x1000000") is True
    assert int(await ask("eth_gasPrice"), 16) == 100 + 10**9
    await ask("evm_mine")
    block = await ask.block()
    assert (block["miner"], block["mixHash"]) == (coinbase, randao)
    assert (block["baseFeePerGas"], block["gasLimit"]) == ("0x64", "0x1000000")
    await ask("evm_mine")
    after = await ask.block()
    assert after["mixHash"] != randao
    assert after["baseFeePerGas"] != "0x64"
    assert after["miner"] == coinbase


async def test_headers_keep_the_form_of_every_chain(ask: Asker) -> None:
    await ask.send(to=TO, value="0x1")
    chain = ask.node.chain
    parent, header = (chain.sealed[n].block.header for n in (0, 1))
    chain.genesis.consensus.header_rules.validate(header, parent, now_s=None)


async def test_a_refused_transaction_is_answered_with_geths_words(ask: Asker) -> None:
    request = {"from": ask.accounts[0], "to": TO, "value": hex(10**30), "gas": "0x5208"}
    with pytest.raises(Asked, match="insufficient funds for gas") as caught:
        await ask("eth_sendTransaction", request)
    assert caught.value.code == -32000


async def test_certificates_are_signed_by_the_validator_of_the_chain(
    ask: Asker,
) -> None:
    await ask("evm_mine")
    [validator] = await ask("qbft_getValidatorsByBlockNumber", "latest")
    certificate = await ask("qbft_getCommitCertificate", "latest")
    assert certificate["blockHash"] == (await ask.block())["hash"]
    assert len(certificate["seals"]) == 1
    assert validator == (await ask.block())["miner"]
