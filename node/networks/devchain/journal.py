"""What a dev chain did, so that it can do it again: one JSON line for each step.

The first line is the genesis; then follow blocks, edits and changes of the chain id in
their order, and "rewind" lines that take steps back. To restore is to execute it again.
A line is written when its step is done and not flushed to the disk: what a dev chain
holds may be lost with the machine, not with the process. What cheat methods set for
blocks to come (coinbase, time, gas limit, base fee) starts afresh.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.chain.block import Block
from node.chain.genesis import Genesis, GenesisError, parse_genesis
from node.execution.executor import AccountOverride, BlockInvalid
from node.networks.devchain.chain import DevChain
from node.networks.devchain.environment import Step
from node.primitives.types import Address

FILE_NAME = "devchain.jsonl"


class JournalError(Exception):
    """The directory cannot be used; says what to do."""

    exit_code = 4


class Journal:
    """Open it, restore the chain; from then on every step is written."""

    def __init__(self, path: Path, steps: list[dict[str, Any]]) -> None:
        self._path = path
        self._steps = steps
        self.genesis: Genesis | None = None
        if steps:
            try:
                self.genesis = parse_genesis(json.dumps(steps[0]["genesis"]))
            except (KeyError, GenesisError) as error:
                raise _damaged(path, f"it has no genesis: {error}") from None

    @classmethod
    def open(cls, directory: Path) -> "Journal":
        """Read what there is. Raises JournalError."""
        path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            text = path.read_text() if path.exists() else ""
        except OSError as error:
            raise JournalError(f"{directory} cannot be used: {error}") from None
        lines = text.split("\n")
        complete, rest = lines[:-1], lines[-1]
        if rest:
            complete_bytes = len("\n".join([*complete, ""]).encode())
            with path.open("r+b") as file:  # the last step was cut off by a crash
                file.truncate(complete_bytes)
        try:
            steps = [json.loads(line) for line in complete]
        except ValueError as error:
            raise _damaged(path, str(error)) from None
        if not all(isinstance(step, dict) for step in steps):
            raise _damaged(path, "a line is no JSON object")
        return cls(path, steps)

    def restore(self, chain: DevChain) -> None:
        """Do everything again, then write what follows. Raises JournalError."""
        for at, step in enumerate(self._steps[1:], 2):
            try:
                _redo(chain, step)
            except (BlockInvalid, KeyError, ValueError, IndexError) as error:
                raise _damaged(self._path, f"line {at}: {error!r}") from None
        self._steps = []
        file = self._path.open("a", buffering=1)
        if self.genesis is None:
            file.write(json.dumps({"genesis": chain.genesis.to_json()}) + "\n")

        def write(step: Step) -> None:
            file.write(json.dumps(_encode(step)) + "\n")

        chain.on_step.append(write)
        chain.on_close.append(file.close)


def _redo(chain: DevChain, step: Mapping[str, Any]) -> None:
    if "block" in step:
        chain.adopt(Block.decode(bytes.fromhex(step["block"])))
    elif "edit" in step:
        chain.executor.edit({_address(k): _change(v) for k, v in step["edit"].items()})
    elif "chain_id" in step:
        chain.adopt_chain_id(step["chain_id"])
    else:
        chain.go_back(step["height"], step["rewind"])


def _encode(step: Step) -> dict[str, Any]:
    kind, content = step
    if kind == "block":
        return {"block": content.encode().hex()}
    if kind == "edit":
        return {"edit": {at.hex(): _change_json(c) for at, c in content.items()}}
    if kind == "chain_id":
        return {"chain_id": content}
    height, mark = content
    return {"rewind": mark, "height": height}


def _change_json(change: AccountOverride) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if change.balance is not None:
        answer["balance"] = hex(change.balance)
    if change.nonce is not None:
        answer["nonce"] = change.nonce
    if change.code is not None:
        answer["code"] = change.code.hex()
    if change.state_diff:
        answer["slots"] = {hex(k): hex(v) for k, v in change.state_diff.items()}
    return answer


def _change(data: Mapping[str, Any]) -> AccountOverride:
    code = data.get("code")
    return AccountOverride(
        balance=int(data["balance"], 16) if "balance" in data else None,
        nonce=data.get("nonce"),
        code=None if code is None else bytes.fromhex(code),
        state_diff={int(k, 16): int(v, 16) for k, v in data.get("slots", {}).items()},
    )


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text))


def _damaged(path: Path, why: str) -> JournalError:
    return JournalError(
        f"{path} is damaged ({why}): name another directory, or delete the file to "
        "begin a new chain"
    )
