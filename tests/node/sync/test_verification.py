"""What a block must show before it is executed, each check on its own."""

from dataclasses import replace

import pytest

from node.chain.block import Block
from node.chain.certificate import CommitCertificate
from node.sync.verification import BlockRefused, body_matches, verify
from tests.node.storage.samples import GENESIS
from tests.node.sync.chains import CHECKS, FIRST, LATER, Link, chain, seal, set_of

FIRST_LINK, SECOND_LINK = chain(2)


def refusal(block: bytes, certificate: bytes) -> str:
    """Why it may not follow the genesis block."""
    with pytest.raises(BlockRefused) as refused:
        verify(block, certificate, GENESIS, set_of(FIRST), CHECKS)
    return str(refused.value)


def sealed(link: Link, **fields: object) -> bytes:
    """The true certificate with other fields."""
    true = CommitCertificate.decode(link.certificate)
    return replace(true, **fields).encode()  # type: ignore[arg-type]


def test_the_truth_is_accepted() -> None:
    found = verify(*FIRST_LINK.pair, GENESIS, set_of(FIRST), CHECKS)
    assert found.block.encode() == FIRST_LINK.block
    assert body_matches(found.block)


def test_the_seals_are_of_exactly_this_block() -> None:
    header = replace(FIRST_LINK.header, timestamp=FIRST_LINK.header.timestamp + 1)
    forged = Block(header, Block.decode(FIRST_LINK.block).transactions).encode()
    true = FIRST_LINK.certificate
    assert refusal(forged, true) == "the certificate is of another block"
    relabelled = sealed(FIRST_LINK, digest=header.digest)
    assert refusal(forged, relabelled).startswith("sealed by")


def test_the_certificate_is_of_exactly_this_height() -> None:
    reason = "the certificate is of another height"
    assert refusal(FIRST_LINK.block, SECOND_LINK.certificate) == reason
    assert refusal(FIRST_LINK.block, sealed(FIRST_LINK, height=2)) == reason


def test_a_quorum_of_the_right_set_sealed_it() -> None:
    digest = FIRST_LINK.header.digest
    few = seal(1, digest, FIRST[:2])
    assert refusal(FIRST_LINK.block, few).startswith("2 seals are no quorum")
    assert "no quorum" in refusal(FIRST_LINK.block, seal(1, digest, []))
    strangers = seal(1, digest, [*FIRST[:2], LATER[-1]])
    assert "not a validator" in refusal(FIRST_LINK.block, strangers)
    twice = seal(1, digest, [FIRST[0], FIRST[0], FIRST[1]])
    assert refusal(FIRST_LINK.block, twice) == "a validator sealed twice"


def test_it_follows_the_parent() -> None:
    assert refusal(*SECOND_LINK.pair) != ""


def test_another_body_does_not_match() -> None:
    block = Block.decode(FIRST_LINK.block)
    assert not body_matches(Block(block.header, ()))
