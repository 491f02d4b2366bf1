"""Transactions from their fields to bytes: what is signed, and what is sent.

The reverse of `node.chain.transaction.decode_transaction`; the fields v, r, s and hash
of the given transaction do not count. Sources: EIP-155, 2718, 2930, 1559, 7702.
"""

from node.chain.transaction import ACCESS_LIST, LEGACY, SET_CODE, Transaction
from node.primitives import rlp


def signing_payload(tx: Transaction) -> bytes:
    """The bytes whose keccak is signed."""
    if tx.type == LEGACY:
        chain_id = rlp.from_int(tx.chain_id or 0)
        return rlp.encode([*_legacy(tx), chain_id, b"", b""])
    return bytes((tx.type,)) + rlp.encode(_typed(tx))


def encode_signed(tx: Transaction, y_parity: int, r: int, s: int) -> bytes:
    """The raw transaction."""
    words = [rlp.from_int(r), rlp.from_int(s)]
    if tx.type == LEGACY:
        v = rlp.from_int(35 + 2 * (tx.chain_id or 0) + y_parity)
        return rlp.encode([*_legacy(tx), v, *words])
    return bytes((tx.type,)) + rlp.encode([*_typed(tx), rlp.from_int(y_parity), *words])


def _legacy(tx: Transaction) -> list[rlp.Item]:
    return [
        rlp.from_int(tx.nonce),
        rlp.from_int(tx.max_fee),
        rlp.from_int(tx.gas_limit),
        tx.to or b"",
        rlp.from_int(tx.value),
        tx.data,
    ]


def _typed(tx: Transaction) -> list[rlp.Item]:
    fees = [rlp.from_int(tx.max_fee)]
    if tx.type != ACCESS_LIST:
        fees.insert(0, rlp.from_int(tx.priority_fee))
    access: list[rlp.Item] = [[at, list(slots)] for at, slots in tx.access_list]
    fields: list[rlp.Item] = [
        rlp.from_int(tx.chain_id or 0),
        rlp.from_int(tx.nonce),
        *fees,
        rlp.from_int(tx.gas_limit),
        tx.to or b"",
        rlp.from_int(tx.value),
        tx.data,
        access,
    ]
    if tx.type == SET_CODE:
        fields.append(
            [
                [
                    rlp.from_int(a.chain_id),
                    a.address,
                    *(rlp.from_int(n) for n in (a.nonce, a.y_parity, a.r, a.s)),
                ]
                for a in tx.authorizations
            ]
        )
    return fields
