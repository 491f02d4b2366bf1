"""A receipt is proven by the nodes from the receipts root to it, by nothing else."""

import pytest

from node.chain.proofs.finality import ProofInvalid
from node.chain.proofs.receipt import prove_receipt, verify_receipt
from tests.node.chain.proofs.made_chain import MadeChain, placed_log, receipt_of


@pytest.mark.parametrize("count", [1, 2, 17, 129, 300])
def test_every_receipt_of_a_block_has_a_proof(count: int) -> None:
    chain = MadeChain()
    receipts = [receipt_of(placed_log(number)) for number in range(count)]
    header = chain.header(chain.add(*receipts))
    for position in range(0, count, 7):
        proof = prove_receipt(receipts, position)
        receipt = verify_receipt(header, position, proof)
        assert receipt.logs == (placed_log(position),)


def test_a_proof_of_one_position_is_none_of_another() -> None:
    chain = MadeChain()
    receipts = [receipt_of(placed_log(number)) for number in range(40)]
    header = chain.header(chain.add(*receipts))
    proof = prove_receipt(receipts, 3)
    for position in (0, 4, 16, 39):
        with pytest.raises(ProofInvalid):
            verify_receipt(header, position, proof)


def test_absence_is_no_receipt() -> None:
    chain = MadeChain()
    receipts = [receipt_of(placed_log(number)) for number in range(4)]
    header = chain.header(chain.add(*receipts))
    with pytest.raises(ProofInvalid, match="there is none"):
        verify_receipt(header, 9, prove_receipt(receipts, 9))


def test_nodes_that_lead_nowhere_are_refused() -> None:
    chain = MadeChain()
    receipts = [receipt_of(placed_log(number)) for number in range(40)]
    header = chain.header(chain.add(*receipts))
    more = (*prove_receipt(receipts, 3), *prove_receipt(receipts, 30))
    with pytest.raises(ProofInvalid):
        verify_receipt(header, 3, more)


@pytest.mark.parametrize("junk", [b"", b"\x80", b"\xc0", b"\xf8", bytes(40)])
def test_junk_is_no_proof(junk: bytes) -> None:
    chain = MadeChain()
    header = chain.header(chain.add(receipt_of()))
    with pytest.raises(ProofInvalid):
        verify_receipt(header, 0, [junk])
