"""Many clients at once: every transaction is in a block in the end.

Each client has an account of its own and takes turns at one that all share, so that the
shared nonces arrive in any order and some wait for others.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from node.execution.bench_engine import CHAIN_ID
from node.networks.devchain.accounts import derive_accounts
from node.networks.devchain.figures.client import Client, DevProcess, batch, result_of
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey

CLIENTS = 8
TURNS = {"native": (300, 200), "pyevm": (30, 20)}
"""Transactions of each client: from its own account, from the shared one."""
TO = b"\x11" * 20
CHUNK = 50


def payment(key: PrivateKey, nonce: int) -> str:
    """A transfer of 1 wei, signed."""
    numbers = (CHAIN_ID, nonce, 10**9, 10**11, 21_000)
    fields: list[rlp.Item] = [*map(rlp.from_int, numbers), TO, b"\x01", b"", []]
    signature = key.sign(keccak256(b"\x02" + rlp.encode(fields)))
    halves = (signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"))
    raw = b"\x02" + rlp.encode([*fields, rlp.from_int(signature[64]), *halves])
    return "0x" + raw.hex()


def plan(own_turns: int, shared_turns: int) -> list[list[str]]:
    """What each client sends, one after the other."""
    shared, *own = derive_accounts()
    plans = []
    for at in range(CLIENTS):
        mine = [payment(own[at], nonce) for nonce in range(own_turns)]
        ours = [payment(shared, turn * CLIENTS + at) for turn in range(shared_turns)]
        mixed = zip(mine[:shared_turns], ours, strict=True)
        plans.append([raw for pair in mixed for raw in pair] + mine[shared_turns:])
    return plans


def send_all(url: str, raws: Sequence[str]) -> list[str]:
    with Client(url) as client:
        return [client.ask("eth_sendRawTransaction", raw) for raw in raws]


def test_every_transaction_of_many_clients_gets_its_receipt(executor: str) -> None:
    plans = plan(*TURNS[executor])
    total = sum(map(len, plans))
    words = ("--chain-id", str(CHAIN_ID), "--executor", executor)
    with DevProcess(*words) as dev:
        with ThreadPoolExecutor(CLIENTS) as pool:
            sent = list(pool.map(send_all, [dev.url] * CLIENTS, plans))
        hashes = [at for each in sent for at in each]
        assert len(set(hashes)) == total
        with Client(dev.url) as client:
            for start in range(0, total, CHUNK):
                asked = batch(
                    "eth_getTransactionReceipt", hashes[start : start + CHUNK]
                )
                found = result_of(client.post(asked))
                assert [receipt["status"] for receipt in found] == ["0x1"] * CHUNK
            balance = client.ask("eth_getBalance", "0x" + TO.hex(), "latest")
            assert int(balance, 16) == total
            status = client.ask("txpool_status")
            assert status == {"pending": "0x0", "queued": "0x0"}
