"""geth's words for refused transactions: what wallets and libraries match on.

Source: core/error.go and core/txpool/errors.go of go-ethereum; ours say the numbers
after them.
"""

from node.execution.executor import ErrorKind

GETH_WORDS = {
    ErrorKind.MALFORMED: "invalid transaction",
    ErrorKind.BAD_SIGNATURE: "invalid sender",
    ErrorKind.WRONG_CHAIN: "invalid chain id for signer",
    ErrorKind.UNPROTECTED: (
        "only replay-protected (EIP-155) transactions allowed over RPC"
    ),
    ErrorKind.UNSUPPORTED_TYPE: "transaction type not supported",
    ErrorKind.NONCE_TOO_LOW: "nonce too low",
    ErrorKind.NONCE_TOO_HIGH: "nonce too high",
    ErrorKind.NONCE_MAX: "nonce has max value",
    ErrorKind.INSUFFICIENT_FUNDS: "insufficient funds for gas * price + value",
    ErrorKind.FEE_TOO_LOW: "max fee per gas less than block base fee",
    ErrorKind.PRIORITY_ABOVE_MAX: (
        "max priority fee per gas higher than max fee per gas"
    ),
    ErrorKind.INTRINSIC_GAS: "intrinsic gas too low",
    ErrorKind.FLOOR_GAS: "insufficient gas for floor data gas cost",
    ErrorKind.GAS_LIMIT: "exceeds block gas limit",
    ErrorKind.INITCODE_TOO_LARGE: "max initcode size exceeded",
    ErrorKind.SENDER_HAS_CODE: "sender not an eoa",
    ErrorKind.EMPTY_AUTHORIZATIONS: "EIP-7702 transaction with empty auth list",
    ErrorKind.TOO_LARGE: "oversized data",
    ErrorKind.OVERFLOW: "max fee per gas higher than 2^256-1",
}


def refusal_message(kind: str | None, message: str) -> str:
    """geth's words, then the numbers; a pool's own message has both already."""
    words = GETH_WORDS.get(kind) if isinstance(kind, ErrorKind) else None
    if words is None or message.startswith(words):
        return message
    return f"{words}: {message}" if message else words
