"""Who is answered with which edge, decided without a socket."""

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from central_baseline.dns.server import reply_to
from central_baseline.dns.zone import (
    Edge,
    ZoneSettings,
    answer_for,
    region_of,
    settings_document,
    settings_from,
)

ZONE = ZoneSettings(
    name="shop.test",
    host="127.0.0.1",
    port=5300,
    edges=(
        Edge("eu", "127.0.1.1", 80),
        Edge("us", "127.0.1.2", 80),
        Edge("ap", "127.0.1.3", 80),
    ),
    networks={"127.1.0.0/16": "eu", "127.2.0.0/16": "us", "127.2.9.0/24": "ap"},
    distances={
        "eu": ("eu", "us", "ap"),
        "us": ("us", "eu", "ap"),
        "ap": ("ap", "us", "eu"),
    },
    default_region="eu",
    origin_host="127.0.0.1",
)
ALL = {"eu", "us", "ap"}


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("127.1.0.5", "eu"),
        ("127.2.0.5", "us"),
        ("127.2.9.5", "ap"),  # the narrower network
        ("10.0.0.1", "eu"),  # nobody's: the default
        ("::1", "eu"),
        ("nonsense", "eu"),
    ],
)
def test_a_region_is_the_narrowest_network_s(address: str, region: str) -> None:
    assert region_of(ZONE, address) == region


@pytest.mark.parametrize(
    ("healthy", "host"),
    [
        (ALL, "127.0.1.3"),
        ({"eu", "us"}, "127.0.1.2"),
        ({"eu"}, "127.0.1.1"),
        (set(), "127.0.0.1"),  # the shop stays open without its edges
    ],
)
def test_the_nearest_healthy_edge_is_answered(healthy: set[str], host: str) -> None:
    assert answer_for(ZONE, "127.2.9.5", healthy) == host


def test_a_question_is_answered_with_authority_and_a_short_life() -> None:
    question = DNSRecord.question("SHOP.test", "A")
    packed = reply_to(ZONE, question.pack(), "127.2.0.1", ALL)
    assert packed is not None
    reply = DNSRecord.parse(packed)
    assert (reply.header.id, reply.header.aa, reply.header.ra) == (
        question.header.id,
        1,
        0,
    )
    assert [(str(r.rdata), r.ttl) for r in reply.rr] == [("127.0.1.2", 1)]


def test_other_names_are_refused_and_other_types_are_empty() -> None:
    other = reply_to(ZONE, DNSRecord.question("example.org").pack(), "127.1.0.1", ALL)
    assert other is not None
    assert DNSRecord.parse(other).header.rcode == RCODE.REFUSED
    mail = reply_to(ZONE, DNSRecord.question("shop.test", "MX").pack(), "::1", ALL)
    assert mail is not None
    parsed = DNSRecord.parse(mail)
    assert (parsed.header.rcode, parsed.rr) == (RCODE.NOERROR, [])
    assert parsed.q.qtype == QTYPE.MX


@pytest.mark.parametrize("data", [b"", b"\x00", b"x" * 500, b"\xff" * 12])
def test_what_is_no_question_is_dropped(data: bytes) -> None:
    assert reply_to(ZONE, data, "127.1.0.1", ALL) is None


def test_an_answer_is_not_answered() -> None:
    answer = DNSRecord.question("shop.test").reply()
    assert reply_to(ZONE, answer.pack(), "127.1.0.1", ALL) is None


def test_settings_survive_their_file() -> None:
    assert settings_from(settings_document(ZONE)) == ZONE
