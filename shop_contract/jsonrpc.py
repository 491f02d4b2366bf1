"""One JSON-RPC endpoint over HTTP, asked one question at a time.

Enough for a command that deploys a shop; no pooling, no subscriptions, no retries.
Every failure is a ShopError that names the endpoint.
"""

import json
import urllib.error
import urllib.request
from typing import Any

from shop_contract.errors import USAGE, ShopError

MAX_ANSWER_BYTES = 16 * 1024 * 1024


class RpcRefusal(ShopError):
    """The endpoint answered with an error; `data` is its hex data, as of a revert."""

    def __init__(self, message: str, data: object) -> None:
        super().__init__(message)
        self.data = data if isinstance(data, str) else ""


class JsonRpc:
    """`timeout_s` bounds each question."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ShopError(
                f"{url!r} is no endpoint: name one like http://127.0.0.1:8545", USAGE
            )
        self.url = url
        self._timeout_s = timeout_s
        self._asked = 0

    def call(self, method: str, *parameters: object) -> Any:
        """The result of one method. Raises RpcRefusal, or ShopError: unreachable."""
        self._asked += 1
        body = {
            "jsonrpc": "2.0",
            "id": self._asked,
            "method": method,
            "params": list(parameters),
        }
        answer = self._post(json.dumps(body).encode())
        if "error" in answer:
            said = answer["error"]
            said = said if isinstance(said, dict) else {"message": said}
            raise RpcRefusal(
                f"{self.url} refused {method}: {said.get('message')}", said.get("data")
            )
        return answer.get("result")

    def _post(self, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer = json.loads(response.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                raise ShopError(
                    f"{self.url} answers HTTP {error.code}: is it a JSON-RPC endpoint?"
                ) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ShopError(
                f"{self.url} does not answer ({reason}): is the network up?"
            ) from None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ShopError(f"{self.url} does not speak JSON-RPC")
        return answer
