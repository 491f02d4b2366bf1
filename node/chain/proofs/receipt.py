"""That a transaction had these effects: its receipt in a block's receipts trie."""

from collections.abc import Sequence

from node.chain.header import Header
from node.chain.proofs.finality import ProofInvalid
from node.chain.receipt import Receipt, decode_receipt
from node.primitives import rlp, trie
from node.primitives.keccak import keccak256


def prove_receipt(receipts: Sequence[bytes], position: int) -> tuple[bytes, ...]:
    """The encoded trie nodes from the receipts root to one receipt of a block."""
    nodes: dict[bytes, trie.Node] = {}
    leaves = {_key(at): receipt for at, receipt in enumerate(receipts)}
    root = trie.update(nodes.__getitem__, trie.EMPTY_TRIE_ROOT, leaves, nodes)
    return trie.prove(nodes.__getitem__, root, _key(position))


def verify_receipt(header: Header, position: int, proof: Sequence[bytes]) -> Receipt:
    """The receipt at a position of a block. Raises ProofInvalid.

    The proof holds the nodes on the way, in its order, and nothing else.
    """
    what = f"block {header.number}, transaction {position}"
    nodes = {bytes(keccak256(encoded)): encoded for encoded in proof}
    used: list[bytes] = []

    def load(digest: bytes) -> trie.Node:
        used.append(digest)
        return trie.split_node(nodes[digest])

    try:
        raw = trie.get(load, header.receipts_root, _key(position))
        if not raw:
            raise ProofInvalid(f"{what}: the proof shows that there is none")
        receipt = decode_receipt(raw)
    except KeyError as error:
        raise ProofInvalid(
            f"{what}: the proof has no node with the hash 0x{error.args[0].hex()}"
        ) from error
    except (rlp.RlpError, IndexError, ValueError) as error:
        if isinstance(error, ProofInvalid):
            raise
        raise ProofInvalid(f"{what}: the proof is malformed: {error}") from error
    if used != [keccak256(encoded) for encoded in proof]:
        raise ProofInvalid(f"{what}: the proof has nodes that are not on the way")
    return receipt


def _key(position: int) -> bytes:
    return rlp.encode(rlp.from_int(position))
