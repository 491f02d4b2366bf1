"""JSON-RPC errors with the codes and messages that Ethereum clients match on.

Codes: JSON-RPC 2.0 for the envelope, 3 for reverts (geth), -32000 and its family
(EIP-1474) for the rest. Messages are geth's where libraries compare them.
"""

from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
RESOURCE_NOT_FOUND = -32001
LIMIT_EXCEEDED = -32005
UNAUTHORIZED = -32006
EXECUTION_REVERTED = 3
TIMEOUT = 4  # EIP-7966: the receipt did not come in time


class RpcError(Exception):
    """An error answer; `data` goes out as it is."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, Any]:
        """The `error` member of an answer."""
        answer: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            answer["data"] = self.data
        return answer


def invalid_params(message: str) -> RpcError:
    """-32602."""
    return RpcError(INVALID_PARAMS, message)


def method_not_found(name: object) -> RpcError:
    """-32601, in geth's words."""
    return RpcError(
        METHOD_NOT_FOUND, f"the method {name} does not exist/is not available"
    )


def server_error(message: str) -> RpcError:
    """-32000."""
    return RpcError(SERVER_ERROR, message)
