"""A block is final for whoever has the genesis file, and for nobody else's reasons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.certificate import CommitCertificate
from node.chain.proofs.finality import (
    CertifiedHeader,
    ProofInvalid,
    SetChange,
    set_changes,
    verify_finality,
)
from node.chain.validators import ValidatorSet
from tests.node.chain.proofs.made_chain import FIRST, KEYS, SECOND, MadeChain


def certified(chain: MadeChain, number: int) -> CertifiedHeader:
    raw = chain.certificate(number)
    assert raw is not None
    return CertifiedHeader(chain.header(number), CommitCertificate.decode(raw))


def change(chain: MadeChain, number: int) -> SetChange:
    return SetChange(certified(chain, number), chain.validators(number))


@pytest.fixture
def changing() -> MadeChain:
    """Blocks 1 and 2, other validators after 2, then 3; others again after 4; 5."""
    chain = MadeChain()
    chain.add()
    chain.add(next_keys=SECOND)
    chain.add()
    chain.add(next_keys=KEYS)
    chain.add()
    return chain


def test_a_block_of_the_first_set_needs_nothing_but_itself(changing: MadeChain) -> None:
    signers = verify_finality(certified(changing, 2), [], changing.genesis)
    assert signers == ValidatorSet.of([key.address for key in FIRST])


def test_each_change_hands_over_to_the_next_set(changing: MadeChain) -> None:
    changes = [change(changing, 2), change(changing, 4)]
    signers = verify_finality(certified(changing, 5), changes, changing.genesis)
    assert len(signers) == len(KEYS)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], "more seals than validators"),
        ([4], "not a validator"),
        ([4, 2], "not a validator"),
        ([2, 2], "does not follow"),
        ([2, 4, 5], "changes nothing"),
    ],
)
def test_changes_left_out_or_out_of_order_are_noticed(
    changing: MadeChain, numbers: list[int], said: str
) -> None:
    changes = [change(changing, number) for number in numbers]
    with pytest.raises(ProofInvalid, match=said):
        verify_finality(certified(changing, 5), changes, changing.genesis)


def test_a_block_before_the_last_change_is_refused(changing: MadeChain) -> None:
    with pytest.raises(ProofInvalid, match="not after the last change"):
        verify_finality(certified(changing, 2), [change(changing, 2)], changing.genesis)


def test_members_that_the_header_does_not_name_are_refused(changing: MadeChain) -> None:
    forged = SetChange(certified(changing, 2), changing.validators(0))
    with pytest.raises(ProofInvalid, match="other validators than its header"):
        verify_finality(certified(changing, 3), [forged], changing.genesis)


def test_too_few_signatures_are_no_quorum(changing: MadeChain) -> None:
    block = certified(changing, 1)
    seals = block.certificate.seals[:-1]
    few = CommitCertificate(1, 0, block.header.digest, seals)
    with pytest.raises(ProofInvalid, match="no quorum"):
        verify_finality(CertifiedHeader(block.header, few), [], changing.genesis)


def test_signatures_for_another_chain_are_worth_nothing(changing: MadeChain) -> None:
    other = MadeChain(SECOND)
    with pytest.raises(ProofInvalid, match="not a validator"):
        verify_finality(certified(changing, 1), [], other.genesis)


@pytest.mark.parametrize("swapped", [(2, 1), (1, 2)])
def test_a_certificate_belongs_to_one_block(
    changing: MadeChain, swapped: tuple[int, int]
) -> None:
    header, certificate = swapped
    block = CertifiedHeader(
        changing.header(header), certified(changing, certificate).certificate
    )
    with pytest.raises(ProofInvalid, match="another height"):
        verify_finality(block, [], changing.genesis)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_the_changes_found_lead_from_genesis_to_the_block(sets: list[int]) -> None:
    number = len(sets)
    digests = [bytes([one]) for one in sets]
    heights = set_changes(digests.__getitem__, number)
    assert heights == sorted(set(heights))
    signer = digests[0]
    for height in heights:
        assert digests[height - 1] == signer  # signed by the set known so far
        assert digests[height] != signer
        signer = digests[height]
    assert signer == digests[number - 1]
