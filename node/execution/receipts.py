"""The receipts of a block as JSON, written by the native package where it is installed.

Clients read the receipts of every block: on the node that serves them, writing them out
in Python costs as much as executing the orders. Who gets None writes them itself
(`node.rpc.formats`, which says what the fields are).
"""

import sys
from collections.abc import Sequence

from node.chain.block import Block
from node.primitives.types import Address


def encoded_receipts(
    block: Block, receipts: Sequence[bytes], senders: Sequence[Address]
) -> bytes | None:
    """A JSON list, as `eth_getBlockReceipts` answers; None without the native package.

    Runs without the interpreter's lock. Raises ValueError for what no block holds.
    """
    native = sys.modules.get("chandlery_native")
    if not hasattr(native, "receipts_json"):  # not installed, or an earlier one
        return None
    header = block.header
    place = (header.number, header.digest, header.timestamp, header.base_fee_per_gas)
    assert native is not None
    try:
        encoded: bytes = native.receipts_json(
            place, block.transactions, receipts, senders
        )
    except native.Usage as error:
        raise ValueError(str(error)) from error
    return encoded
