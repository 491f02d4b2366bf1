"""Meshes that talk to one another over real sockets and TLS."""

import asyncio
import ssl
from pathlib import Path

import pytest

from node.config import P2pConfig
from node.gossip.messages import Status, TransactionBatch
from node.primitives.types import ZERO_HASH
from node.sync.messages import Blocks
from node.transport import limits
from node.transport.mesh import Mesh
from node.transport.settings import MeshError
from tests.node.transport.loopback import KEYS, LogWatch, genesis_of, loopback

STATUS = Status(9, ZERO_HASH, 0)


async def test_a_message_reaches_every_peer_and_nobody_else(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        a, b, c = await network.start_all()
        batch = TransactionBatch((b"one", b"two"))
        a.mesh.broadcast(batch)
        a.mesh.send(b.address, Status(7, ZERO_HASH, 2))
        await b.inbox.until(lambda: len(b.inbox.messages) == 2)
        await c.inbox.until(lambda: len(c.inbox.messages) == 1)
        assert b.inbox.messages == [
            (a.address, batch),
            (a.address, Status(7, ZERO_HASH, 2)),
        ]
        assert c.inbox.messages == [(a.address, batch)]
        assert a.inbox.messages == []
        heights = {info.address: info.height for info in b.mesh.peers()}
        assert heights == {a.address: 7, c.address: 0}


async def test_sending_to_a_stranger_is_ignored(tmp_path: Path) -> None:
    async with loopback(tmp_path) as network:
        a, b = await network.start_all()
        a.mesh.send(KEYS[5].address, Status(7, ZERO_HASH, 2))
        a.mesh.send(b.address, Status(8, ZERO_HASH, 2))
        await b.inbox.until(lambda: bool(b.inbox.messages))
        assert b.inbox.messages == [(a.address, Status(8, ZERO_HASH, 2))]


async def test_counters_tell_messages_and_bytes_by_kind(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        a, b, c = await network.start_all()
        a.mesh.broadcast(TransactionBatch((b"x" * 100,)))
        for node in (b, c):
            await node.inbox.until(lambda n=node: bool(n.inbox.messages))
        sent, received = a.mesh.counters(), b.mesh.counters()
        assert sent["peer_messages_sent"] == {"TransactionBatch": 2}
        assert received["peer_messages_received"] == {"TransactionBatch": 1}
        assert (
            sent["peer_bytes_sent"]["TransactionBatch"]
            == 2 * (received["peer_bytes_received"]["TransactionBatch"])
        )
        assert received["peer_bytes_received"]["TransactionBatch"] > 100


async def test_many_frames_arrive_in_order_and_large_answers_give_way(
    tmp_path: Path,
) -> None:
    async with loopback(tmp_path) as network:
        a, b = await network.start_all()
        large = Blocks(1, ((b"b" * 3_000_000, b"c"),))
        a.mesh.send(b.address, large)
        small = [Status(n, ZERO_HASH, 0) for n in range(200)]
        for message in small:
            a.mesh.send(b.address, message)
        await b.inbox.until(lambda: len(b.inbox.messages) == 201)
        received = [message for _, message in b.inbox.messages]
        assert received == [*small, large]


async def test_a_pair_that_dials_both_ways_keeps_the_lower_ones_connection(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path) as network:
        # A higher one is connected to a lower one, which then dials it, too.
        low = await network.start(KEYS[0])
        port = low.mesh.port
        high = await network.start(KEYS[1], dial=[low])
        await high.inbox.until(lambda: high.sees(low))
        assert not high.mesh.peers()[0].inbound
        await low.mesh.stop()
        low = await network.start(KEYS[0], dial=[high], port=port)
        await low.inbox.until(lambda: low.sees(high))
        await high.inbox.until(lambda: high.sees(low))
        (info,) = high.mesh.peers()
        assert info.inbound
        assert not low.mesh.peers()[0].inbound
        low.mesh.broadcast(Status(1, ZERO_HASH, 0))
        await high.inbox.until(lambda: bool(high.inbox.messages))


async def test_a_second_node_with_a_peers_key_takes_its_place_once(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0])
        first = await network.start(KEYS[1], dial=[a])
        await a.inbox.until(lambda: a.sees(first))
        await network.start(KEYS[1], dial=[a])
        await logged.until("replaced by a newer connection")
        assert len(a.mesh.peers()) == 1


async def test_a_peer_that_comes_back_is_found_again(tmp_path: Path) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[1])
        b = await network.start(KEYS[0], dial=[a])
        await a.inbox.until(lambda: a.sees(b))
        port = a.mesh.port
        await a.mesh.stop()
        await b.inbox.until(lambda: b.inbox.disconnections == [a.address])
        again = await network.start(KEYS[1], port=port)
        await again.inbox.until(lambda: again.sees(b))
        await b.inbox.until(lambda: len(b.inbox.connections) == 2)


async def test_a_validator_that_was_removed_loses_its_connection(
    tmp_path: Path,
) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        a, b, c = await network.start_all()
        a.mesh.admit([a.address, c.address])
        b.mesh.admit([a.address, c.address])
        assert not a.sees(b)
        assert a.sees(c)
        assert a.inbox.disconnections == [b.address]
        await b.inbox.until(lambda: a.address in b.inbox.disconnections)
        a.mesh.admit([a.address, b.address, c.address])
        await a.inbox.until(lambda: a.sees(b))


async def test_an_observer_of_the_list_may_connect(tmp_path: Path) -> None:
    async with loopback(tmp_path) as network:
        observer = KEYS[4]
        config = P2pConfig(observers=(f"0x{observer.address.hex()}",))
        a = await network.start(KEYS[0], config)
        b = await network.start(observer, dial=[a])
        await a.inbox.until(lambda: a.sees(b))


async def test_who_is_no_validator_or_observer_is_refused(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0])
        b = await network.start(KEYS[4], dial=[a])
        await logged.until("is no validator, candidate or observer here")
        assert not a.sees(b)


@pytest.mark.parametrize(
    ("difference", "reason"),
    [("chain id", "different chain id"), ("genesis", "different genesis")],
)
async def test_a_node_of_another_network_is_refused_with_the_reason(
    tmp_path: Path,
    difference: str,
    reason: str,
    logged: LogWatch,
) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0])
        if difference == "chain id":
            other = genesis_of(KEYS[:2], chain_id=7_002)
        else:
            other = genesis_of(KEYS[:3])
        await network.start(KEYS[1], genesis=other, dial=[a])
        await logged.until(reason)
        assert a.mesh.peers() == []


async def test_a_wrong_address_in_the_list_is_named(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        a = await network.start(KEYS[0])
        wrong = f"0x{KEYS[2].address.hex()}@127.0.0.1:{a.mesh.port}"
        await network.start(KEYS[1], P2pConfig(peers=(wrong,)))
        await logged.until("correct the address in p2p.peers")


async def test_a_node_that_dials_itself_is_refused(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0])
        wrong = f"0x{KEYS[1].address.hex()}@127.0.0.1:{a.mesh.port}"
        await network.start(KEYS[0], P2pConfig(peers=(wrong,)))
        await logged.until("this is the node itself")


async def test_reports_lower_the_score_until_the_peer_is_banned(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path) as network:
        a, b = await network.start_all()
        times = limits.MAX_SCORE // limits.REPORT_PENALTY
        for _ in range(times - 1):
            a.mesh.report(b.address, "sent nonsense")
        assert a.sees(b)
        a.mesh.report(b.address, "sent nonsense")
        assert not a.sees(b)
        await b.inbox.until(lambda: b.inbox.disconnections == [a.address])
        await logged.until("is banned for a while")
        assert not a.sees(b)
        assert logged.count("misbehaviour: sent nonsense") == 1


async def test_a_peer_that_does_not_read_is_dropped_when_its_queue_is_full(
    tmp_path: Path,
) -> None:
    async with loopback(tmp_path) as network:
        a, b = await network.start_all()
        large = Blocks(1, ((b"b" * 4_000_000, b"c"),))
        # All in one turn of the loop: nothing can be written in between.
        for _ in range(1 + limits.MAX_QUEUE_BYTES // 4_000_000):
            a.mesh.send(b.address, large)
        await a.inbox.until(lambda: a.inbox.disconnections == [b.address])


async def test_transactions_never_cost_a_slow_peer_its_connection(
    tmp_path: Path,
) -> None:
    async with loopback(tmp_path) as network:
        a, b = await network.start_all()
        batch = TransactionBatch((b"t" * 100_000,))
        count = 2 * limits.MAX_QUEUE_BYTES // 100_000
        for _ in range(count):
            a.mesh.send(b.address, batch)
        a.mesh.send(b.address, STATUS)
        await b.inbox.until(lambda: (a.address, STATUS) in b.inbox.messages)
        # What waited for room was overtaken, what was too much was not sent.
        before = b.inbox.messages.index((a.address, STATUS))
        assert before < limits.DROP_BYTES // 100_000
        sent = a.mesh.counters()["peer_messages_sent"]["TransactionBatch"]
        assert limits.DROP_BYTES // 100_000 <= sent < count
        await b.inbox.until(lambda: len(b.inbox.messages) == sent + 1)
        assert a.inbox.disconnections == []


async def test_without_tls_everything_works_when_all_agree(tmp_path: Path) -> None:
    async with loopback(tmp_path) as network:
        a, b = await network.start_all(P2pConfig(tls=False))
        a.mesh.broadcast(Status(3, ZERO_HASH, 1))
        await b.inbox.until(lambda: bool(b.inbox.messages))


@pytest.mark.parametrize("server_tls", [True, False])
async def test_without_agreement_on_tls_nobody_connects(
    tmp_path: Path, server_tls: bool, logged: LogWatch
) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0], P2pConfig(tls=server_tls))
        await network.start(KEYS[1], P2pConfig(tls=not server_tls), dial=[a])
        await logged.until("p2p.tls must be the same on all nodes")
        assert a.mesh.peers() == []


async def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0])
        config = P2pConfig(port=a.mesh.port)
        mesh = Mesh(config, KEYS[1], network.genesis, tmp_path / "tls-1")
        with pytest.raises(MeshError, match=r"set p2p\.port"):
            await mesh.start(a.inbox)
        await mesh.stop()


async def test_the_port_speaks_tls_1_3_and_nothing_older(tmp_path: Path) -> None:
    async with loopback(tmp_path) as network:
        a = await network.start(KEYS[0])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", a.mesh.port, ssl=context)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", a.mesh.port, ssl=context)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        await writer.wait_closed()
