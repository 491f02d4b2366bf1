"""What the node says of itself and of fees: eth_chainId, net_*, web3_*, qbft_*."""

from typing import Any

from node.chain.certificate import CommitCertificate, signers_of
from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.errors import server_error
from node.rpc.formats import hex_data
from node.rpc.lookup import number_of, require_block
from node.rpc.params import BlockId, Params

SUGGESTED_PRIORITY_FEE_WEI = 1_000_000_000
"""What wallets offer anyway; on an idle chain any tip is enough."""


class ChainMethods:
    """Constants, fees, peers, consensus."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_chainId": self.chain_id,
            "eth_syncing": self.syncing,
            "eth_accounts": self.accounts,
            "eth_coinbase": self.coinbase,
            "eth_mining": self.mining,
            "eth_hashrate": self.hashrate,
            "eth_protocolVersion": self.protocol_version,
            "eth_gasPrice": self.gas_price,
            "eth_maxPriorityFeePerGas": self.max_priority_fee,
            "eth_blobBaseFee": self.blob_base_fee,
            "net_version": self.net_version,
            "net_listening": self.net_listening,
            "net_peerCount": self.net_peer_count,
            "web3_clientVersion": self.client_version,
            "web3_sha3": self.sha3,
            "qbft_getCommitCertificate": self.certificate,
            "qbft_getValidatorsByBlockNumber": self.validators,
            "qbft_getEvidence": self.evidence,
            "qbft_status": self.status,
        }

    async def chain_id(self, raw: Any) -> str:
        Params(raw, 0)
        return hex(self._backend.chain_id)

    async def syncing(self, raw: Any) -> Any:
        Params(raw, 0)
        return self._backend.status().get("syncing") or False

    async def accounts(self, raw: Any) -> list[str]:
        """A node holds no accounts of users: wallets sign."""
        Params(raw, 0)
        return []

    async def coinbase(self, raw: Any) -> str:
        Params(raw, 0)
        return hex_data(self._backend.head().coinbase)

    async def mining(self, raw: Any) -> bool:
        Params(raw, 0)
        return False

    async def hashrate(self, raw: Any) -> str:
        Params(raw, 0)
        return "0x0"

    async def protocol_version(self, raw: Any) -> str:
        Params(raw, 0)
        return "0x1"

    async def gas_price(self, raw: Any) -> str:
        Params(raw, 0)
        return hex(self._next_base_fee() + self._tip())

    async def max_priority_fee(self, raw: Any) -> str:
        Params(raw, 0)
        return hex(self._tip())

    def _tip(self) -> int:
        return 0 if self._backend.rules.zero_base_fee else SUGGESTED_PRIORITY_FEE_WEI

    def _next_base_fee(self) -> int:
        return self._backend.rules.base_fee_after(self._backend.head())

    async def blob_base_fee(self, raw: Any) -> str:
        Params(raw, 0)
        return "0x1"

    async def net_version(self, raw: Any) -> str:
        Params(raw, 0)
        return str(self._backend.chain_id)

    async def net_listening(self, raw: Any) -> bool:
        Params(raw, 0)
        return True

    async def net_peer_count(self, raw: Any) -> str:
        Params(raw, 0)
        return hex(len(self._backend.status().get("peers", ())))

    async def client_version(self, raw: Any) -> str:
        Params(raw, 0)
        return self._backend.client_version

    async def sha3(self, raw: Any) -> str:
        return hex_data(keccak256(Params(raw, 1).data(0)))

    async def certificate(self, raw: Any) -> dict[str, Any] | None:
        """The commit certificate of a block: fields, who signed, encoding; None for
        genesis."""
        number = number_of(self._backend, Params(raw, 1).block(0))
        encoded = None if number is None else self._backend.certificate(number)
        if encoded is None:
            return None
        certificate = CommitCertificate.decode(encoded)
        return {
            "height": hex(certificate.height),
            "round": hex(certificate.round),
            "blockHash": hex_data(certificate.digest),
            "seals": [hex_data(seal) for seal in certificate.seals],
            "signers": [hex_data(signer) for signer in self._signers(certificate)],
            "raw": hex_data(encoded),
        }

    def _signers(self, certificate: CommitCertificate) -> list[Address]:
        genesis = require_block(self._backend, BlockId(number=0)).digest
        domain = SigningDomain(self._backend.chain_id, genesis)
        return signers_of(certificate, domain, Secp256k1Verifier())

    async def validators(self, raw: Any) -> list[str]:
        """The validators that sign the block after the one named."""
        header = require_block(self._backend, Params(raw, 1).block(0)).header
        found = self._backend.validators(header.number)
        if not found:
            raise server_error(f"no validator set is known at block {header.number}")
        return [hex_data(address) for address in found]

    async def evidence(self, raw: Any) -> list[dict[str, Any]]:
        Params(raw, 0)
        return self._backend.evidence()

    async def status(self, raw: Any) -> dict[str, Any]:
        Params(raw, 0)
        return self._backend.status()
