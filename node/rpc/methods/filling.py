"""What wallets ask before they sign, and what a client asks of the chain's rules."""

import zlib
from dataclasses import replace
from typing import Any

from node.primitives.keccak import keccak256
from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.errors import invalid_params
from node.rpc.formats import WAITING, hex_data, transaction_json
from node.rpc.lookup import require_state
from node.rpc.params import Params, parse_address, parse_slot
from node.rpc.sending.encoding import signing_payload
from node.rpc.sending.filling import fill
from node.rpc.simulating.system import (
    BEACON_ROOTS,
    CONSOLIDATIONS,
    HISTORY,
    WITHDRAWALS,
)

MAX_STORAGE_VALUES = 1_024
NO_BLOBS = {"baseFeeUpdateFraction": 5_007_716, "max": 0, "target": 0}
"""The fraction is Prague's (EIP-7691); blob transactions are refused."""
PRECOMPILES = {
    "ECREC": 1,
    "SHA256": 2,
    "RIPEMD160": 3,
    "ID": 4,
    "MODEXP": 5,
    "BN254_ADD": 6,
    "BN254_MUL": 7,
    "BN254_PAIRING": 8,
    "BLAKE2F": 9,
    "KZG_POINT_EVALUATION": 10,
    "BLS12_G1ADD": 11,
    "BLS12_G1MSM": 12,
    "BLS12_G2ADD": 13,
    "BLS12_G2MSM": 14,
    "BLS12_PAIRING_CHECK": 15,
    "BLS12_MAP_FP_TO_G1": 16,
    "BLS12_MAP_FP2_TO_G2": 17,
}
SYSTEM_CONTRACTS = {
    "BEACON_ROOTS_ADDRESS": hex_data(BEACON_ROOTS),
    "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS": hex_data(CONSOLIDATIONS),
    "HISTORY_STORAGE_ADDRESS": hex_data(HISTORY),
    "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS": hex_data(WITHDRAWALS),
}


class FillingMethods:
    """eth_fillTransaction, eth_config (EIP-7910), eth_getStorageValues."""

    def __init__(self, backend: Backend, gas_cap: int) -> None:
        self._backend = backend
        self._gas_cap = gas_cap

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_fillTransaction": self.fill_transaction,
            "eth_config": self.config,
            "eth_getStorageValues": self.storage_values,
        }

    async def fill_transaction(self, raw: Any) -> dict[str, Any]:
        """The unsigned transaction, whole: {raw: what is to be signed, tx}."""
        call, tx = await fill(self._backend, Params(raw, 1).object(0), self._gas_cap)
        payload = signing_payload(tx)
        whole = replace(tx, hash=keccak256(payload))
        shown = transaction_json(whole, call.sender, WAITING, None)
        return {"raw": hex_data(payload), "tx": shown}

    async def config(self, raw: Any) -> dict[str, Any]:
        """The fork in force; none is scheduled after it."""
        Params(raw, 0)
        return {
            "current": {
                "activationTime": 0,
                "blobSchedule": NO_BLOBS,
                "chainId": hex(self._backend.chain_id),
                "forkId": f"0x{self._fork_hash():08x}",
                "precompiles": {
                    name: f"0x{at:040x}" for name, at in sorted(PRECOMPILES.items())
                },
                "systemContracts": SYSTEM_CONTRACTS,
            },
            "next": None,
            "last": None,
        }

    def _fork_hash(self) -> int:
        """EIP-2124: of the genesis hash, as no fork came after it."""
        genesis = self._backend.block(0)
        return 0 if genesis is None else zlib.crc32(genesis.digest)

    async def storage_values(self, raw: Any) -> dict[str, list[str]]:
        """{address: [slot]} -> {address: [word]}, in one request."""
        params = Params(raw, 2)
        wanted = params.object(0)
        if any(not isinstance(slots, list) for slots in wanted.values()):
            raise invalid_params("invalid argument 0: a list of slots for each address")
        if sum(len(slots) for slots in wanted.values()) > MAX_STORAGE_VALUES:
            raise invalid_params(f"at most {MAX_STORAGE_VALUES} slots")
        parsed = {
            at: (parse_address(at, "address"), [parse_slot(s, "slot") for s in slots])
            for at, slots in wanted.items()
        }
        _, view = require_state(self._backend, params.block(1))
        return {
            at: [f"0x{view.slot(account, slot):064x}" for slot in slots]
            for at, (account, slots) in parsed.items()
        }
