"""Parameters of JSON-RPC methods: hex strings of the execution-apis schema to values.

Every function raises RpcError -32602 that names the argument. Quantities have no
leading zeros in the schema; as every client in the field sends some, they are accepted
(web3.py asks proofs for slot "0x0"); odd-length data is not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.primitives.types import Address, Hash32
from node.rpc.errors import invalid_params

HEX = re.compile(r"0x[0-9a-fA-F]*\Z")
TAGS = ("latest", "earliest", "pending", "safe", "finalized")
MAX_UINT256 = 2**256 - 1
MAX_UINT64 = 2**64 - 1
MAX_FEE_WEI = 2**128 - 1
"""Of a fee per gas, as wide as executors take it."""


@dataclass(frozen=True, slots=True)
class BlockId:
    """Which block is meant: a tag, a number or a hash; exactly one is set."""

    tag: str = ""
    number: int | None = None
    digest: Hash32 | None = None


LATEST = BlockId(tag="latest")


class Params:
    """The positional parameters of one request."""

    def __init__(self, raw: Any, most: int) -> None:
        """Take the `params` member. `most` is how many the method takes."""
        if raw is None:
            raw = []
        if not isinstance(raw, list):
            raise invalid_params("non-array args")
        if len(raw) > most:
            raise invalid_params(f"too many arguments, want at most {most}")
        self._raw: Sequence[Any] = raw

    def raw(self, at: int) -> Any:
        """The value as parsed, None when absent."""
        return self._raw[at] if at < len(self._raw) else None

    def required(self, at: int) -> Any:
        """The value as parsed."""
        value = self.raw(at)
        if value is None:
            raise invalid_params(f"missing value for required argument {at}")
        return value

    def data(self, at: int) -> bytes:
        """DATA of any length."""
        return parse_data(self.required(at), f"argument {at}")

    def hash(self, at: int) -> Hash32:
        """A 32-byte hash."""
        return parse_hash(self.required(at), f"argument {at}")

    def address(self, at: int) -> Address:
        """A 20-byte address."""
        return parse_address(self.required(at), f"argument {at}")

    def quantity(self, at: int, most: int = MAX_UINT256) -> int:
        """QUANTITY."""
        return parse_quantity(self.required(at), f"argument {at}", most)

    def flag(self, at: int) -> bool:
        """A boolean; absent is false."""
        value = self.raw(at)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise invalid_params(f"invalid argument {at}: expected a boolean")
        return value

    def block(self, at: int, default: BlockId | None = LATEST) -> BlockId:
        """A block tag, number, hash or EIP-1898 object."""
        value = self.raw(at)
        if value is None and default is not None:
            return default
        return parse_block_id(self.required(at), f"argument {at}")

    def object(self, at: int, optional: bool = False) -> Mapping[str, Any]:
        """A JSON object."""
        value = self.raw(at)
        if value is None and optional:
            return {}
        value = self.required(at)
        if not isinstance(value, dict):
            raise invalid_params(f"invalid argument {at}: expected an object")
        return value


def parse_data(value: Any, name: str) -> bytes:
    """0x-prefixed bytes."""
    if not isinstance(value, str) or not HEX.match(value):
        raise invalid_params(f"invalid {name}: hex string without 0x prefix")
    if len(value) % 2:
        raise invalid_params(f"invalid {name}: hex string of odd length")
    return bytes.fromhex(value[2:])


def parse_hash(value: Any, name: str) -> Hash32:
    """32 bytes."""
    raw = parse_data(value, name)
    if len(raw) != 32:
        raise invalid_params(
            f"invalid {name}: hex string has length {2 * len(raw)}, want 64 for "
            "common.Hash"
        )
    return Hash32(raw)


def parse_address(value: Any, name: str) -> Address:
    """20 bytes."""
    raw = parse_data(value, name)
    if len(raw) != 20:
        raise invalid_params(
            f"invalid {name}: hex string has length {2 * len(raw)}, want 40 for "
            "common.Address"
        )
    return Address(raw)


def parse_quantity(value: Any, name: str, most: int = MAX_UINT256) -> int:
    """A hex quantity; a plain JSON integer is accepted, as anvil does."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and HEX.match(value) and len(value) > 2:
        number = int(value, 16)
    else:
        raise invalid_params(f"invalid {name}: expected a hex quantity")
    if not 0 <= number <= most:
        raise invalid_params(f"invalid {name}: number is out of range")
    return number


def parse_slot(value: Any, name: str) -> int:
    """A storage position: DATA or QUANTITY of at most 32 bytes, odd lengths too."""
    is_hex = isinstance(value, str) and HEX.match(value) and len(value) > 2
    if is_hex and len(value) > 66:
        raise invalid_params(f"invalid {name}: storage key is longer than 32 bytes")
    return parse_quantity(value, name)


def parse_block_id(value: Any, name: str) -> BlockId:
    """A tag, a number, a 32-byte hash, or {blockNumber} / {blockHash} (EIP-1898)."""
    if isinstance(value, dict):
        if "blockHash" in value:
            return BlockId(digest=parse_hash(value["blockHash"], "blockHash"))
        if "blockNumber" in value:
            return parse_block_id(value["blockNumber"], "blockNumber")
        raise invalid_params(f"invalid {name}: needs blockNumber or blockHash")
    if isinstance(value, str) and value in TAGS:
        return BlockId(tag=value)
    if isinstance(value, str) and HEX.match(value) and len(value) == 66:
        return BlockId(digest=parse_hash(value, name))
    return BlockId(number=parse_quantity(value, name, MAX_UINT64))
