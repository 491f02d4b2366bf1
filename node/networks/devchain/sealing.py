"""When a dev chain seals: with the transactions that arrive, or by the clock."""

import asyncio
from collections.abc import Sequence

from node.networks.devchain.chain import DevChain
from node.primitives.types import Hash32
from node.rpc.backend import Refusal

MAX_TOGETHER = 1_000
"""Transactions that are gathered before they are admitted."""

Answer = Hash32 | Refusal
"""Of one transaction: its hash, or why it is neither in a block nor waits."""
Waiter = asyncio.Future[list[Answer]]
Arrival = tuple[Sequence[bytes], Waiter]


class Intake:
    """Transactions that arrive at one moment are admitted and sealed together.

    With automine a block that holds a transaction is sealed before its sender gets the
    answer; one that cannot run yet is answered while it waits.
    """

    def __init__(self, chain: DevChain) -> None:
        self._chain = chain
        self._arrived: list[Arrival] = []
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, raws: Sequence[bytes]) -> Waiter:
        """What becomes of transactions that belong together; in their order."""
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        if not self._arrived:
            loop.call_soon(self._take)
        self._arrived.append((raws, waiter))
        self._count += len(raws)
        if self._count >= MAX_TOGETHER:
            self._take()
        return waiter

    def stop(self) -> None:
        """Seal nothing more."""
        for task in self._tasks:
            task.cancel()

    def _take(self) -> None:
        arrived, self._arrived, self._count = self._arrived, [], 0
        if not arrived:
            return
        try:
            answers = self._chain.admit([raw for raws, _ in arrived for raw in raws])
            if self._chain.automine and not self._seal_at_once(answers):
                self._spawn(arrived, answers)
            else:
                _answer(arrived, answers)
        except Exception as error:  # whoever waits has to learn of it
            _fail(arrived, error)

    def _seal_at_once(self, answers: list[Answer]) -> bool:
        """Seal until none of these can be; False when it has to be done slowly."""
        while self._can_seal(answers):
            refusals = self._chain.seal_at_once()
            if refusals is None:
                return False
            _refuse(answers, refusals)
            if not self._chain.sealed[-1].hashes:
                break
        return True

    async def _seal(self, answers: list[Answer]) -> None:
        while self._can_seal(answers):
            _refuse(answers, await self._chain.seal())
            if not self._chain.sealed[-1].hashes:
                break

    def _can_seal(self, answers: list[Answer]) -> bool:
        # Another's block may hold them by now, or they wait for a nonce or a fee.
        pool = self._chain.pool
        is_waiting = any(not isinstance(at, Refusal) and at in pool for at in answers)
        return is_waiting and self._chain.can_seal()

    def _spawn(self, arrived: list[Arrival], answers: list[Answer]) -> None:
        async def work() -> None:
            try:
                await self._seal(answers)
                _answer(arrived, answers)
            except Exception as error:  # whoever waits has to learn of it
                _fail(arrived, error)

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refuse(answers: list[Answer], refusals: dict[Hash32, str]) -> None:
    if not refusals:
        return
    for at, answer in enumerate(answers):
        if not isinstance(answer, Refusal) and answer in refusals:
            answers[at] = Refusal(answer, refusals[answer])


def _answer(arrived: list[Arrival], answers: list[Answer]) -> None:
    start = 0
    for raws, waiter in arrived:
        end = start + len(raws)
        if not waiter.done():
            waiter.set_result(answers[start:end])
        start = end


def _fail(arrived: list[Arrival], error: Exception) -> None:
    for _, waiter in arrived:
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
