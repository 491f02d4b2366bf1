"""The rules a transaction obeys before either executor runs it.

One place for both executors, because py-evm misses EIP-3607, the EIP-7623 floor and
priority fees above the maximum. The order of the checks is part of the contract: with
several faults both executors name the same one.

1. Form: size, envelope, canonical RLP, field widths (nonce, gas limit and chain id of
   64 bits, fees of 128, all else of 256), a recipient in an EIP-7702 transaction.
2. Without state: chain id, form of the signature, authorizations present, nonce,
   fees, initcode size, overflow, intrinsic gas, floor gas, then the sender.
3. With state: gas limit and base fee of the block, code at the sender, nonce, funds.

Sources: EIP-155, 1559, 2028, 2681, 2930, 3607, 3860, 7623, 7702.
"""

from dataclasses import dataclass

from node.chain.transaction import (
    LEGACY,
    SET_CODE,
    Transaction,
    UnsupportedType,
    decode_transaction,
)
from node.execution.executor import (
    MAX_CODE_BYTES,
    MAX_TRANSACTION_BYTES,
    ErrorKind,
    TxError,
    TxInfo,
)
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import HALF_ORDER, ORDER, SignatureError, recover
from node.primitives.types import Address, Hash32

MAX_INITCODE_BYTES = 2 * MAX_CODE_BYTES
MAX_NONCE = 2**64 - 1
MAX_FEE = 2**128 - 1
MAX_WORD = 2**256 - 1
EMPTY_ITEM = b"\x80"

GAS_TRANSACTION = 21_000
GAS_CREATE = 32_000
GAS_TOKEN = 4
GAS_FLOOR_TOKEN = 10
TOKENS_NONZERO = 4
GAS_INITCODE_WORD = 2
GAS_ACCESS_ADDRESS = 2_400
GAS_ACCESS_SLOT = 1_900
GAS_AUTHORIZATION = 25_000

DELEGATION_PREFIX = b"\xef\x01\x00"
DELEGATION_BYTES = 23

TRANSIENT_KINDS = frozenset({ErrorKind.NONCE_TOO_HIGH, ErrorKind.FEE_TOO_LOW})
"""Faults that time may mend: `build` passes over them without refusing."""


class TransactionError(ValueError):
    """A transaction breaks a rule; `kind` is what the network calls it."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Admitted:
    """A transaction whose form is right, and who sent it; recovered only once."""

    tx: Transaction
    sender: Address
    is_impersonated: bool = False
    """Sent by decree on a dev chain: a contract may be the sender."""

    @property
    def info(self) -> TxInfo:
        """What the pool keeps of it."""
        tx = self.tx
        return TxInfo(
            hash=tx.hash,
            sender=self.sender,
            nonce=tx.nonce,
            gas_limit=tx.gas_limit,
            max_fee=tx.max_fee,
            priority_fee=tx.priority_fee,
            max_cost=max_cost(tx),
        )


def admit(raw: bytes, chain_id: int) -> Admitted:
    """Decode, check what needs no state, recover who sent. Raises TransactionError."""
    tx = _decode(raw)
    _validate_signature(tx, chain_id)
    validate_stateless(tx)
    return Admitted(tx, _sender(tx, raw))


def validate_stateless(tx: Transaction) -> None:
    """The rules beyond the signature. Raises TransactionError."""
    if tx.type == SET_CODE and not tx.authorizations:
        raise TransactionError(
            ErrorKind.EMPTY_AUTHORIZATIONS, "the authorization list is empty"
        )
    if tx.nonce == MAX_NONCE:
        raise TransactionError(ErrorKind.NONCE_MAX, "the nonce is the last one")
    if tx.priority_fee > tx.max_fee:
        raise TransactionError(
            ErrorKind.PRIORITY_ABOVE_MAX,
            f"priority fee {tx.priority_fee} is above the maximum fee {tx.max_fee}",
        )
    if not tx.to and len(tx.data) > MAX_INITCODE_BYTES:
        raise TransactionError(
            ErrorKind.INITCODE_TOO_LARGE,
            f"initcode of {len(tx.data)} bytes; at most {MAX_INITCODE_BYTES}",
        )
    if max_cost(tx) > MAX_WORD:
        raise TransactionError(ErrorKind.OVERFLOW, "value and gas exceed 256 bits")
    needed = intrinsic_gas(tx)
    if tx.gas_limit < needed:
        raise TransactionError(
            ErrorKind.INTRINSIC_GAS, f"gas limit {tx.gas_limit} is below {needed}"
        )
    needed = floor_gas(tx.data)
    if tx.gas_limit < needed:
        raise TransactionError(
            ErrorKind.FLOOR_GAS,
            f"gas limit {tx.gas_limit} is below the data's floor of {needed}",
        )


def validate_for_block(tx: Transaction, base_fee: int, gas_limit: int) -> None:
    """The rules that need the block but not the state. Raises TransactionError."""
    if tx.gas_limit > gas_limit:
        raise TransactionError(
            ErrorKind.GAS_LIMIT,
            f"gas limit {tx.gas_limit} is above the block's {gas_limit}",
        )
    if tx.max_fee < base_fee:
        raise TransactionError(
            ErrorKind.FEE_TOO_LOW,
            f"maximum fee {tx.max_fee} is below the base fee {base_fee}",
        )


def validate_stateful(
    tx: Transaction, account: tuple[int, int, bytes], base_fee: int, gas_limit: int
) -> None:
    """The rules of the block, and those that need the sender's (nonce, balance, code).
    Raises TransactionError."""
    validate_for_block(tx, base_fee, gas_limit)
    nonce, balance, code = account
    if code and not is_delegation(code):
        raise TransactionError(
            ErrorKind.SENDER_HAS_CODE, "the sender is a contract (EIP-3607)"
        )
    if tx.nonce < nonce:
        raise TransactionError(
            ErrorKind.NONCE_TOO_LOW, f"nonce {tx.nonce}, the account is at {nonce}"
        )
    if tx.nonce > nonce:
        raise TransactionError(
            ErrorKind.NONCE_TOO_HIGH, f"nonce {tx.nonce}, the account is at {nonce}"
        )
    if max_cost(tx) > balance:
        raise TransactionError(
            ErrorKind.INSUFFICIENT_FUNDS,
            f"needs {max_cost(tx)} wei, the sender has {balance}",
        )


def intrinsic_gas(tx: Transaction) -> int:
    """Gas a transaction costs before it runs, initcode words included."""
    gas = GAS_TRANSACTION + GAS_TOKEN * _tokens(tx.data)
    if not tx.to:
        gas += GAS_CREATE + GAS_INITCODE_WORD * ((len(tx.data) + 31) // 32)
    for _, slots in tx.access_list:
        gas += GAS_ACCESS_ADDRESS + GAS_ACCESS_SLOT * len(slots)
    return gas + GAS_AUTHORIZATION * len(tx.authorizations)


def floor_gas(data: bytes) -> int:
    """The least gas a transaction with this data pays (EIP-7623)."""
    return GAS_TRANSACTION + GAS_FLOOR_TOKEN * _tokens(data)


def is_delegation(code: bytes) -> bool:
    """Whether the code is an EIP-7702 delegation, which may send transactions."""
    return len(code) == DELEGATION_BYTES and code.startswith(DELEGATION_PREFIX)


def max_cost(tx: Transaction) -> int:
    """What the sender must own, in wei."""
    return tx.value + tx.gas_limit * tx.max_fee


def error_of(raw: bytes, error: TransactionError) -> TxError:
    """The refusal of a raw transaction."""
    return TxError(keccak256(raw), error.kind, str(error))


def _tokens(data: bytes) -> int:
    zeros = data.count(0)
    return zeros + TOKENS_NONZERO * (len(data) - zeros)


def _decode(raw: bytes) -> Transaction:
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise TransactionError(
            ErrorKind.TOO_LARGE,
            f"{len(raw)} bytes; a transaction has at most {MAX_TRANSACTION_BYTES}",
        )
    try:
        tx = decode_transaction(raw)
    except UnsupportedType as error:
        raise TransactionError(ErrorKind.UNSUPPORTED_TYPE, str(error)) from None
    except rlp.RlpError as error:
        raise TransactionError(ErrorKind.MALFORMED, f"not decodable: {error}") from None
    if max(tx.max_fee, tx.priority_fee) > MAX_FEE:
        raise TransactionError(ErrorKind.MALFORMED, "a fee is wider than 128 bits")
    if tx.type == SET_CODE and tx.to is None:
        raise TransactionError(
            ErrorKind.MALFORMED, "an EIP-7702 transaction creates no contract"
        )
    return tx


def _validate_signature(tx: Transaction, chain_id: int) -> None:
    if tx.type == LEGACY and tx.v in (27, 28):
        raise TransactionError(
            ErrorKind.UNPROTECTED,
            f"a legacy transaction without a chain id: sign for {chain_id}",
        )
    if tx.chain_id is None:
        raise TransactionError(ErrorKind.BAD_SIGNATURE, f"v is {tx.v}")
    if tx.chain_id != chain_id:
        raise TransactionError(
            ErrorKind.WRONG_CHAIN, f"chain id {tx.chain_id}, this chain is {chain_id}"
        )
    if tx.type != LEGACY and tx.v > 1:
        raise TransactionError(ErrorKind.BAD_SIGNATURE, f"y parity is {tx.v}")
    if not 0 < tx.r < ORDER or not 0 < tx.s <= HALF_ORDER:
        raise TransactionError(ErrorKind.BAD_SIGNATURE, "r or s is out of range")


def _sender(tx: Transaction, raw: bytes) -> Address:
    words = tx.r.to_bytes(32, "big") + tx.s.to_bytes(32, "big")
    try:
        return recover(_signing_hash(tx, raw), words + bytes((tx.y_parity,)))
    except SignatureError as error:
        raise TransactionError(ErrorKind.BAD_SIGNATURE, str(error)) from None


def _signing_hash(tx: Transaction, raw: bytes) -> Hash32:
    if tx.type != LEGACY:
        unsigned = rlp.split_list(raw[1:])[:-3]
        return keccak256(raw[:1] + rlp.encode_list(unsigned))
    chain_id = rlp.encode(rlp.from_int(tx.chain_id or 0))
    fields = [*rlp.split_list(raw)[:-3], chain_id, EMPTY_ITEM, EMPTY_ITEM]
    return keccak256(rlp.encode_list(fields))
