"""A small JSON-RPC client for the command line; its errors say what to do next."""

import json
import urllib.error
import urllib.request
from typing import Any

from node.cli.errors import CommandError, Exit

TIMEOUT_S = 10.0


class RpcAnswerError(CommandError):
    """The node answered with an error."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error.get('message')}", Exit.CHECK_FAILED)
        self.code = error.get("code")


class NoAnswer(CommandError):
    """Nothing answers at the address."""


def call(url: str, method: str, *params: Any, timeout_s: float = TIMEOUT_S) -> Any:
    """One request to a node. Raises NoAnswer, RpcAnswerError."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"'{url}' is no node address: expected http://HOST:PORT")
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise NoAnswer(f"{url} answered {error.code} {error.reason}") from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoAnswer(
            f"no node answers at {url} ({reason}): is it running, and is this its "
            "JSON-RPC address? `chandlery network status DIR` lists them",
            Exit.CHECK_FAILED,
        ) from None
    if not isinstance(answer, dict) or ("result" not in answer and not answer):
        raise NoAnswer(f"{url} does not speak JSON-RPC", Exit.CHECK_FAILED)
    if answer.get("error"):
        raise RpcAnswerError(method, answer["error"])
    return answer.get("result")
