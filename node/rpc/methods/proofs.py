"""qbft_getReceiptProof: what a customer keeps to prove an order without the network."""

from typing import Any

from node.chain.header import Header
from node.chain.proofs.finality import set_changes
from node.chain.proofs.receipt import prove_receipt
from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.errors import server_error
from node.rpc.formats import hex_data
from node.rpc.params import Params


class ProofMethods:
    """Proofs that end at the genesis file, for `chandlery verify`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def table(self) -> Methods:
        """Name -> handler."""
        return {"qbft_getReceiptProof": self.receipt_proof}

    async def receipt_proof(self, raw: Any) -> dict[str, Any] | None:
        """Header, certificate, changes of the validator set since genesis, and the
        receipt's nodes in the receipts trie; None: no such transaction in a block."""
        place = self._backend.locate(Params(raw, 1).hash(0))
        if place is None:
            return None
        number, position = place
        receipts = self._backend.receipts(number) or ()
        nodes = await self._backend.blocking(lambda: prove_receipt(receipts, position))
        heights = set_changes(lambda at: self._header(at).extra_data, number)
        return {
            **self._certified(number),
            "changes": [self._change(height) for height in heights],
            "transactionIndex": hex(position),
            "proof": [hex_data(node) for node in nodes],
        }

    def _change(self, number: int) -> dict[str, Any]:
        members = self._backend.validators(number)
        if not members:
            raise server_error(f"the state after block {number} is pruned on this node")
        found = [hex_data(member) for member in members]
        return {**self._certified(number), "validators": found}

    def _certified(self, number: int) -> dict[str, str]:
        certificate = self._backend.certificate(number)
        if certificate is None:
            raise server_error(
                f"block {number} has no commit certificate: on a development chain "
                "nobody vouches for blocks"
            )
        header = self._header(number)
        return {
            "header": hex_data(header.encoded),
            "certificate": hex_data(certificate),
        }

    def _header(self, number: int) -> Header:
        block = self._backend.block(number)
        if block is None:
            raise server_error(f"block {number} is not on this node")
        return block.header
