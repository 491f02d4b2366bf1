"""When a dev chain seals: with the transactions that arrive, or by the clock."""

import asyncio

from node.networks.devchain.chain import DevChain
from node.primitives.types import Hash32
from node.rpc.backend import Refusal

MAX_TOGETHER = 1_000
"""Transactions admitted at once; more of the same moment follow after these."""

Waiter = asyncio.Future[Hash32 | Refusal]


class Intake:
    """Transactions that arrive at one moment are admitted and sealed together.

    With automine a block that holds a transaction is sealed before its sender gets the
    answer; one that cannot run yet is answered while it waits.
    """

    def __init__(self, chain: DevChain) -> None:
        self._chain = chain
        self._arrived: list[tuple[bytes, Waiter]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, raw: bytes) -> Waiter:
        """What became of a transaction."""
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        if not self._arrived:
            loop.call_soon(self._take)
        self._arrived.append((raw, waiter))
        return waiter

    def stop(self) -> None:
        """Seal nothing more."""
        for task in self._tasks:
            task.cancel()

    def _take(self) -> None:
        arrived, self._arrived = (
            self._arrived[:MAX_TOGETHER],
            self._arrived[MAX_TOGETHER:],
        )
        if self._arrived:
            asyncio.get_running_loop().call_soon(self._take)
        waiters = [waiter for _, waiter in arrived]
        try:
            answers = self._chain.admit([raw for raw, _ in arrived])
            if not self._chain.automine:
                _answer(waiters, answers)
            elif not self._seal_at_once(answers):
                self._spawn(waiters, answers)
            else:
                _answer(waiters, answers)
        except Exception as error:  # whoever waits has to learn of it
            _fail(waiters, error)

    def _seal_at_once(self, answers: list[Hash32 | Refusal]) -> bool:
        """Seal until none of these can be; False when it has to be done slowly."""
        while self._can_seal(answers):
            refusals = self._chain.seal_at_once()
            if refusals is None:
                return False
            _refuse(answers, refusals)
            if not self._chain.sealed[-1].hashes:
                break
        return True

    async def _seal(self, answers: list[Hash32 | Refusal]) -> None:
        while self._can_seal(answers):
            _refuse(answers, await self._chain.seal())
            if not self._chain.sealed[-1].hashes:
                break

    def _can_seal(self, answers: list[Hash32 | Refusal]) -> bool:
        # Another's block may hold them by now, or they wait for a nonce or a fee.
        pool = self._chain.pool
        is_waiting = any(not isinstance(at, Refusal) and at in pool for at in answers)
        return is_waiting and self._chain.can_seal()

    def _spawn(self, waiters: list[Waiter], answers: list[Hash32 | Refusal]) -> None:
        async def work() -> None:
            try:
                await self._seal(answers)
                _answer(waiters, answers)
            except Exception as error:  # whoever waits has to learn of it
                _fail(waiters, error)

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refuse(answers: list[Hash32 | Refusal], refusals: dict[Hash32, str]) -> None:
    if not refusals:
        return
    for at, answer in enumerate(answers):
        if not isinstance(answer, Refusal) and answer in refusals:
            answers[at] = Refusal(answer, refusals[answer])


def _answer(waiters: list[Waiter], answers: list[Hash32 | Refusal]) -> None:
    for waiter, answer in zip(waiters, answers, strict=True):
        if not waiter.done():
            waiter.set_result(answer)


def _fail(waiters: list[Waiter], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error)


class Sealer:
    """Interval sealing; `set_interval(0)` ends it."""

    def __init__(self, chain: DevChain) -> None:
        self._chain = chain
        self._task: asyncio.Task[None] | None = None
        self.interval_s = 0.0

    def set_interval(self, interval_s: float) -> None:
        """Seconds between blocks from now on."""
        self.stop()
        self.interval_s = interval_s
        if interval_s > 0:
            self._task = asyncio.get_running_loop().create_task(self._run(interval_s))

    def stop(self) -> None:
        """Seal no more by the clock."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            await self._chain.mine()
