"""The genesis file: what every node of a network agrees on before the first block.

The JSON is a superset of geth's genesis: `config.chainId`, `alloc`, `gasLimit`,
`baseFeePerGas`, `timestamp`; ours is `config.qbft`, the consensus configuration. Its
canonical encoding is hashed into the genesis header's prevRandao, so that timers, fork
schedule and limits that must agree are bound by the genesis hash. `extraData` is the
hash of the validator set that signs height 1, which is read from the validator
contract's storage in `alloc` (`node.chain.validator_contract`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from node.chain.header import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    PARENT_BEACON_BLOCK_ROOT,
    Header,
)
from node.chain.header_rules import HeaderRules
from node.chain.validator_contract import VALIDATOR_CONTRACT, read_validators
from node.chain.validators import ValidatorSet
from node.primitives import rlp
from node.primitives.checksum import to_checksum_address
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT, secure_root
from node.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, address

FORKS = ("prague",)
MAX_BLOCK_BYTES = 7_000_000
"""A block and its certificate must fit one frame between peers."""


class GenesisError(ValueError):
    """The genesis file is wrong; says where and what is expected."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ForkAt:
    """From this height on, this fork's rules hold."""

    height: int
    fork: str


@dataclass(frozen=True, slots=True)
class ConsensusConfig:
    """What validators must agree on; bound by the genesis hash."""

    gathering_ms: int = 40
    """From the first executable transaction to the proposal."""
    min_block_interval_ms: int = 100
    empty_block_period_ms: int = 5_000
    round_timeout_ms: int = 2_000
    round_timeout_cap_factor: int = 8
    max_clock_drift_s: int = 15
    gas_limit: int = 30_000_000
    zero_base_fee: bool = False
    max_block_bytes: int = 4_000_000
    build_time_ms: int = 1_000
    min_validators: int = 1
    fork_schedule: tuple[ForkAt, ...] = (ForkAt(0, "prague"),)

    def canonical(self) -> bytes:
        """Sorted compact JSON: the one spelling that is hashed."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @property
    def header_rules(self) -> HeaderRules:
        """The part that headers are checked against."""
        return HeaderRules(self.gas_limit, self.zero_base_fee, self.max_clock_drift_s)


@dataclass(frozen=True, slots=True)
class GenesisAccount:
    """One account of the first state."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Genesis:
    """A parsed genesis file; `header` is block 0."""

    chain_id: int
    consensus: ConsensusConfig
    alloc: Mapping[Address, GenesisAccount]
    timestamp: int
    base_fee_per_gas: int
    header: Header = field(init=False, repr=False)
    validators: ValidatorSet = field(init=False, repr=False)

    def __post_init__(self) -> None:
        contract = self.alloc.get(VALIDATOR_CONTRACT)
        storage = contract.storage if contract else {}
        found = read_validators(lambda slot: storage.get(slot, 0))
        if not found:
            raise GenesisError("the validator contract in `alloc` names no validators")
        object.__setattr__(self, "validators", ValidatorSet.of(found))
        object.__setattr__(self, "header", self._make_header())

    @property
    def digest(self) -> Hash32:
        """The genesis hash."""
        return self.header.digest

    def _make_header(self) -> Header:
        return Header(
            parent_hash=ZERO_HASH,
            ommers_hash=EMPTY_OMMERS_HASH,
            coinbase=ZERO_ADDRESS,
            state_root=state_root_of(self.alloc),
            transactions_root=EMPTY_TRIE_ROOT,
            receipts_root=EMPTY_TRIE_ROOT,
            logs_bloom=bytes(256),
            difficulty=0,
            number=0,
            gas_limit=self.consensus.gas_limit,
            gas_used=0,
            timestamp=self.timestamp,
            extra_data=self.validators.digest,
            prev_randao=keccak256(self.consensus.canonical()),
            nonce=bytes(8),
            base_fee_per_gas=self.base_fee_per_gas,
            withdrawals_root=EMPTY_TRIE_ROOT,
            blob_gas_used=0,
            excess_blob_gas=0,
            parent_beacon_block_root=PARENT_BEACON_BLOCK_ROOT,
            requests_hash=EMPTY_REQUESTS_HASH,
        )

    def to_json(self) -> dict[str, Any]:
        """What `parse_genesis` reads."""
        return {
            "config": {"chainId": self.chain_id, "qbft": asdict(self.consensus)},
            "timestamp": hex(self.timestamp),
            "gasLimit": hex(self.consensus.gas_limit),
            "baseFeePerGas": hex(self.base_fee_per_gas),
            "difficulty": "0x0",
            "mixHash": "0x" + self.header.prev_randao.hex(),
            "extraData": "0x" + self.header.extra_data.hex(),
            "alloc": {
                to_checksum_address(at): _account_json(account)
                for at, account in sorted(self.alloc.items())
            },
        }


def parse_genesis(text: str | bytes) -> Genesis:
    """Parse and check a genesis file. Raises GenesisError."""
    try:
        data = json.loads(text)
        config = data["config"]
        qbft = dict(config["qbft"])
        schedule = tuple(ForkAt(**entry) for entry in qbft.pop("fork_schedule"))
        consensus = ConsensusConfig(**qbft, fork_schedule=schedule)
        genesis = Genesis(
            chain_id=int(config["chainId"]),
            consensus=consensus,
            alloc={
                address(_bytes(at)): _account(account)
                for at, account in data["alloc"].items()
            },
            timestamp=_int(data["timestamp"]),
            base_fee_per_gas=_int(data["baseFeePerGas"]),
        )
    except GenesisError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GenesisError(
            f"genesis file: {type(error).__name__}: {error}; "
            "`chandlery init` writes a valid one"
        ) from error
    _validate(genesis, data)
    return genesis


def load_genesis(directory: Path) -> Genesis:
    """The genesis of a node's or network's directory. Raises GenesisError."""
    path = directory / "genesis.json"
    try:
        return parse_genesis(path.read_bytes())
    except FileNotFoundError:
        raise GenesisError(
            f"{path} is missing: copy it from another node of the network"
        ) from None


def _validate(genesis: Genesis, data: Mapping[str, Any]) -> None:
    for name, actual in (
        ("mixHash", genesis.header.prev_randao),
        ("extraData", genesis.header.extra_data),
    ):
        if name in data and _bytes(data[name]) != actual:
            raise GenesisError(
                f"genesis file: {name} does not follow from config.qbft and alloc; "
                "the file was edited: make a new network with `chandlery init`"
            )
    if genesis.consensus.max_block_bytes > MAX_BLOCK_BYTES:
        raise GenesisError(f"genesis file: max_block_bytes is above {MAX_BLOCK_BYTES}")
    schedule = genesis.consensus.fork_schedule
    heights = [entry.height for entry in schedule]
    if not heights or heights[0] != 0 or heights != sorted(set(heights)):
        raise GenesisError("genesis file: fork_schedule starts at 0 and ascends")
    for entry in schedule:
        if entry.fork not in FORKS:
            raise GenesisError(f"genesis file: unknown fork {entry.fork!r}")


def state_root_of(alloc: Mapping[Address, GenesisAccount]) -> Hash32:
    """Root of the secure trie of the accounts."""
    leaves: dict[bytes, bytes] = {}
    for at, account in alloc.items():
        fields = (
            rlp.from_int(account.nonce),
            rlp.from_int(account.balance),
            _storage_root(account.storage),
            keccak256(account.code),
        )
        leaves[keccak256(at)] = rlp.encode(fields)
    return secure_root(leaves)


def _storage_root(storage: Mapping[int, int]) -> Hash32:
    return secure_root(
        {
            keccak256(slot.to_bytes(32, "big")): rlp.encode(rlp.from_int(value))
            for slot, value in storage.items()
            if value
        }
    )


def _account(data: Mapping[str, Any]) -> GenesisAccount:
    return GenesisAccount(
        balance=_int(data.get("balance", "0x0")),
        nonce=_int(data.get("nonce", "0x0")),
        code=_bytes(data.get("code", "0x")),
        storage={
            _int(slot): _int(value) for slot, value in data.get("storage", {}).items()
        },
    )


def _account_json(account: GenesisAccount) -> dict[str, Any]:
    data: dict[str, Any] = {"balance": hex(account.balance)}
    if account.nonce:
        data["nonce"] = hex(account.nonce)
    if account.code:
        data["code"] = "0x" + account.code.hex()
    if account.storage:
        data["storage"] = {
            f"0x{slot:064x}": f"0x{value:064x}"
            for slot, value in sorted(account.storage.items())
        }
    return data


def _int(value: str | int) -> int:
    return value if isinstance(value, int) else int(value, 0)


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
