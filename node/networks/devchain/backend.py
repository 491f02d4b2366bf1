"""What JSON-RPC sees of a dev chain: `node.rpc.backend.Backend` over `DevChain`."""

from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

from node.chain.block import Block
from node.chain.certificate import CommitCertificate, commit_payload
from node.chain.header import Header
from node.chain.signing import MessageCode, SigningDomain
from node.chain.validator_contract import VALIDATOR_CONTRACT, read_validators
from node.execution.dev import is_marked
from node.execution.executor import StateView, TxError
from node.networks.devchain.chain import DevChain
from node.networks.devchain.sealing import Intake
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address, Hash32
from node.rpc.backend import Head, PooledTransaction, Refusal

T = TypeVar("T")

VALIDATOR = PrivateKey(keccak256(b"chandlery/dev validator"))
"""Anyone can make this key: a certificate of a dev chain proves nothing."""


class DevBackend:
    """See `node.rpc.backend.Backend`."""

    def __init__(self, chain: DevChain, compat: str = "") -> None:
        self.chain = chain
        self.intake = Intake(chain)
        own = f"chandlery/v{version('chandlery')}/dev/{chain.executor.name}"
        self.client_version = f"{compat}/{own}" if compat else own
        self.chain_id = chain.environment.chain_id
        self.rules = chain.rules
        self._pending_calls: dict[int, Callable[[tuple[Hash32, ...]], None]] = {}
        self._head_calls: dict[int, Callable[[Head], None]] = {}
        self._serial = 0
        chain.on_sealed.append(self._announce)
        chain.on_admitted.append(self._announce_admitted)

    def refresh(self) -> None:
        """Read again what cheat methods may have changed."""
        self.chain_id = self.chain.environment.chain_id
        self.rules = self.chain.rules

    def _announce(self, head: Head) -> None:
        self.refresh()
        for call in list(self._head_calls.values()):
            call(head)

    def _announce_admitted(self, hashes: tuple[Hash32, ...]) -> None:
        for call in list(self._pending_calls.values()):
            call(hashes)

    def head(self) -> Header:
        return self.chain.head

    def block(self, number: int) -> Block | None:
        found = self.chain.at(number)
        return None if found is None else found.block

    def number_of(self, digest: Hash32) -> int | None:
        return self.chain.number_of(digest)

    def locate(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        return self.chain.locate(transaction_hash)

    def receipts(self, number: int) -> tuple[bytes, ...] | None:
        found = self.chain.at(number)
        return None if found is None else found.receipts

    def certificate(self, number: int) -> bytes | None:
        """Signed when asked for: the dev chain needs none itself."""
        block = self.block(number)
        if block is None or number == 0:
            return None
        genesis = self.chain.genesis
        payload = commit_payload(number, 0, block.digest)
        domain = SigningDomain(self.chain_id, genesis.digest)
        seal = VALIDATOR.sign(domain.digest(MessageCode.COMMIT, payload))
        return CommitCertificate(number, 0, block.digest, (seal,)).encode()

    def senders(self, raws: Sequence[bytes]) -> list[Address]:
        return [self._sender(raw) for raw in raws]

    def _sender(self, raw: bytes) -> Address:
        found = self.chain.locate(keccak256(raw))
        if found is not None:
            return self.chain.sealed[found[0]].senders[found[1]]
        [info] = self.chain.executor.recover([raw])  # its block was taken off meanwhile
        if isinstance(info, TxError):
            raise ValueError(f"the transaction has no sender: {info.message}")
        return info.sender

    def view(self, digest: Hash32) -> StateView:
        return self.chain.executor.view(digest)

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        return self.chain.run(work)

    async def submit(self, raws: Sequence[bytes]) -> list[Hash32 | Refusal]:
        if not any(map(is_marked, raws)):
            return await self.submit_any(raws)
        answers = await self.submit_any([raw for raw in raws if not is_marked(raw)])
        rest = iter(answers)
        return [_refused_mark(raw) if is_marked(raw) else next(rest) for raw in raws]

    def submit_any(self, raws: Sequence[bytes]) -> Awaitable[list[Hash32 | Refusal]]:
        """`submit`, for the dev chain's own methods: marked transactions pass."""
        return self.intake.submit(raws)

    def pooled(self, transaction_hash: Hash32) -> PooledTransaction | None:
        entry = self.chain.pool.get(transaction_hash)
        if entry is None:
            return None
        ready_end = self.chain.pool.next_nonce(entry.info.sender)
        is_executable = ready_end is not None and entry.info.nonce < ready_end
        return PooledTransaction(entry.info, entry.raw, is_executable)  # type: ignore[arg-type]

    def pool_content(self) -> list[PooledTransaction]:
        content = self.chain.pool.content()
        return [
            PooledTransaction(entry.info, entry.raw, executable)  # type: ignore[arg-type]
            for groups, executable in ((content.pending, True), (content.queued, False))
            for group in groups.values()
            for entry in group
        ]

    def next_nonce(self, sender: Address) -> int | None:
        return self.chain.pool.next_nonce(sender)

    def on_head(self, call: Callable[[Head], None]) -> Callable[[], None]:
        return self._register(self._head_calls, call)

    def on_pending(
        self, call: Callable[[tuple[Hash32, ...]], None]
    ) -> Callable[[], None]:
        return self._register(self._pending_calls, call)

    def _register(self, calls: dict[int, T], call: T) -> Callable[[], None]:
        self._serial += 1
        key = self._serial
        calls[key] = call

        def stop() -> None:
            calls.pop(key, None)

        return stop

    def status(self) -> dict[str, Any]:
        head = self.chain.head
        return {
            "chain_id": self.chain_id,
            "executor": self.chain.executor.name,
            "dev": True,
            "head": {
                "height": head.number,
                "hash": "0x" + head.digest.hex(),
                "timestamp": head.timestamp,
            },
            "consensus": None,
            "peers": [],
            "syncing": False,
        }

    def evidence(self) -> list[dict[str, Any]]:
        return []

    def validators(self, number: int) -> tuple[Address, ...]:
        block = self.block(number)
        if block is None:
            return ()
        view = self.view(block.digest)
        return read_validators(lambda slot: view.slot(VALIDATOR_CONTRACT, slot)) or ()


def _refused_mark(raw: bytes) -> Refusal:
    return Refusal(keccak256(raw), "invalid sender: the signature is a mark")
