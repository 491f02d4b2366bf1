"""Blocks that are not final: building fresh ones, checking and obtaining others'.

Answers go to the engine as events. What a header must be is decided before its body is
fetched, and its body before it is executed; a block that was executed here is never
executed again. A list of transactions that is not its header's proves nothing against
the header (the list is not signed): the true body is sought then.
"""

import logging
from collections.abc import Sequence
from functools import partial

from node.chain.block import Block
from node.chain.header import Header, prev_randao_of
from node.chain.header_rules import HeaderInvalid
from node.consensus.codec import MAX_PROPOSAL_TRANSACTIONS
from node.consensus.effects import BuildBlock, ObtainBlock, ValidateBlock
from node.consensus.events import BlockBuilt, BlockObtained, BlockValidated
from node.consensus.messages import BlockReference
from node.driver.blocks.bodies import Body, reference_of
from node.driver.blocks.fetching import Fetching
from node.driver.context import Context
from node.execution.executor import (
    BlockEnv,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    Executed,
    ExecutionTimeout,
    ExecutorFailed,
)
from node.primitives import rlp
from node.primitives.types import Address, Hash32
from node.sync.verification import body_matches
from node.txpool.entries import Selection

SELECTED_GAS_FACTOR = 2
"""Transactions use less than their gas limits: offer the builder more than fits."""

log = logging.getLogger(__name__)


class Proposals:
    """Performs BuildBlock, ValidateBlock and ObtainBlock."""

    def __init__(self, context: Context, fetching: Fetching) -> None:
        self._context = context
        self._fetching = fetching
        self._checking: dict[Hash32, ValidateBlock] = {}

    def on_build(self, effect: BuildBlock) -> None:
        """-> BlockBuilt"""
        self._context.tasks.spawn(self._build(effect), effect.height)

    def on_validate(self, effect: ValidateBlock) -> None:
        """-> BlockValidated"""
        self._context.tasks.spawn(self._validate(effect), effect.height)

    def on_obtain(self, effect: ObtainBlock) -> None:
        """-> BlockObtained"""
        self._context.tasks.spawn(self._obtain(effect), effect.height)

    async def _build(self, effect: BuildBlock) -> None:
        context = self._context
        parent = context.head.header
        if effect.height != parent.number + 1:
            return
        env, limits = self._env(parent), self._limits(effect.halvings)
        gas = SELECTED_GAS_FACTOR * limits.gas
        selected = context.pool.select(gas, limits.bytes, env.base_fee_per_gas)
        built = await self._build_without_breakers(parent, env, selected, limits)
        for position, error in built.refused:
            context.quarantine(selected.hashes[position], error.message)
        header = Header.decode(rlp.split_list(built.block)[0])
        hashes = tuple(selected.hashes[position] for position in built.included)
        raws = tuple(selected.raws[position] for position in built.included)
        reference = BlockReference(header, hashes)
        self._keep(Body(reference, built.block, raws, built.executed))
        now_ms = context.now_ms
        context.post(BlockBuilt(now_ms, effect.height, effect.round, reference))

    async def _build_without_breakers(
        self, parent: Header, env: BlockEnv, selected: Selection, limits: BuildLimits
    ) -> BuiltBlock:
        """Build; when the executor breaks on a transaction, quarantine that one.

        It is found by halving. A block without transactions is always left.
        """
        executor = self._context.ports.executor
        lane = self._context.ports.lanes.executor
        offered = list(selected.raws[:MAX_PROPOSAL_TRANSACTIONS])
        while True:
            raws = tuple(offered)
            try:
                return await lane(partial(executor.build, parent, env, raws, limits))
            except ExecutorFailed:
                raise
            # Whatever a hostile transaction makes the machine raise: none of it may
            # stop the height, and all of it is logged.
            except Exception as error:
                if not raws:
                    raise ExecutorFailed(f"an empty block: {error!r}") from error
                if len(raws) == 1:
                    found = selected.raws.index(raws[0])
                    reason = f"building failed: {error!r}"
                    self._context.quarantine(selected.hashes[found], reason)
                    log.warning("a transaction broke the builder", exc_info=error)
                offered = offered[: len(offered) // 2]

    def _env(self, parent: Header) -> BlockEnv:
        number = parent.number + 1
        return BlockEnv(
            number=number,
            timestamp=max(parent.timestamp, self._context.ports.clock.wall_s()),
            coinbase=self._context.ports.signer.address,
            gas_limit=self._context.genesis.consensus.gas_limit,
            base_fee_per_gas=self._context.next_base_fee,
            prev_randao=prev_randao_of(parent.digest, number),
        )

    def _limits(self, halvings: int) -> BuildLimits:
        consensus = self._context.genesis.consensus
        return BuildLimits(
            gas=consensus.gas_limit >> halvings,
            bytes=consensus.max_block_bytes >> halvings,
            time_ms=max(1, consensus.build_time_ms >> halvings),
        )

    async def _validate(self, effect: ValidateBlock) -> None:
        digest = effect.block.digest
        if effect.height != self._context.height + 1:
            return
        refused = self._refusal_of_header(effect)
        if refused:
            self._answer(effect, *refused)
        elif self._context.bodies.get(digest):
            self._answer(effect)
        elif digest in self._checking:
            # One answer will do; it must say so when a quorum committed the block.
            if effect.certified:
                self._checking[digest] = effect
        else:
            self._checking[digest] = effect
            try:
                reason = await self._fetch_and_execute(effect)
                self._answer(self._checking[digest], reason)
            except ExecutionTimeout as error:
                # Slow here is not invalid: nobody is to blame, a quorum may differ.
                self._answer(self._checking[digest], str(error), True)
            finally:
                del self._checking[digest]

    async def _fetch_and_execute(self, effect: ValidateBlock) -> str:
        """The reason why the block is invalid, empty when it is not.

        Raises ExecutionTimeout.
        """
        reference, raws = await self._body(effect.block, effect.proposer)
        if sum(map(len, raws)) > self._context.genesis.consensus.max_block_bytes:
            return "its body is above max_block_bytes"
        block = Block(reference.header, raws)
        reason = await self._execute(block, reference)
        if reason and not await self._is_true_body(block):
            # A list of transactions that is not the header's: not the header's fault.
            block = await self._fetching.whole(
                effect.height, block.digest, effect.proposer
            )
            reason = await self._execute(block, reference_of(block))
        return reason

    async def _body(
        self, reference: BlockReference, proposer: Address
    ) -> tuple[BlockReference, tuple[bytes, ...]]:
        prepared = self._context.ports.store.body(reference.digest)
        if prepared is not None:
            block = Block.decode(prepared)
            return reference_of(block), block.transactions
        return await self._fetching.body(reference, proposer)

    async def _execute(self, block: Block, reference: BlockReference) -> str:
        """Execute and keep it; the reason when it is invalid."""
        encoded = block.encode()
        try:
            executed = await self._executed(encoded, block.digest)
        except BlockInvalid as error:
            return str(error) or "it contradicts its execution"
        except (ExecutorFailed, ExecutionTimeout):
            raise
        # Whatever a hostile block makes the machine raise: it is not voted for. Should
        # a quorum commit it all the same, this node halts.
        except Exception as error:
            log.error("a block broke the executor", exc_info=error)
            return f"executing it failed: {error!r}"
        self._keep(Body(reference, encoded, block.transactions, executed))
        return ""

    async def _executed(self, block: bytes, digest: Hash32) -> Executed:
        """Within half of the longest round, unless a quorum has committed it: a hostile
        proposer costs a slow executor no more. Raises ExecutionTimeout."""
        executor, lane = (
            self._context.ports.executor,
            self._context.ports.lanes.executor,
        )
        consensus = self._context.genesis.consensus
        longest_ms = consensus.round_timeout_ms * consensus.round_timeout_cap_factor
        if not self._checking[digest].certified:
            try:
                return await lane(partial(executor.execute, block, longest_ms // 2))
            except ExecutionTimeout:
                if not self._checking[digest].certified:
                    raise
        return await lane(partial(executor.execute, block))

    async def _is_true_body(self, block: Block) -> bool:
        lane = self._context.ports.lanes.background
        return await lane(lambda: body_matches(block))

    def _refusal_of_header(self, effect: ValidateBlock) -> tuple[str, bool] | None:
        """(reason, whether the local clock alone refuses it), or None."""
        rules = self._context.genesis.consensus.header_rules
        header, parent = effect.block.header, self._context.head.header
        try:
            rules.validate(header, parent, now_s=None)
        except HeaderInvalid as error:
            return str(error), False
        if effect.certified:
            return None
        try:
            rules.validate(header, parent, self._context.ports.clock.wall_s())
        except HeaderInvalid as error:
            return str(error), True
        return None

    def _answer(
        self, effect: ValidateBlock, reason: str = "", depends_on_clock: bool = False
    ) -> None:
        if effect.height == self._context.height + 1:
            self._context.post(
                BlockValidated(
                    at_ms=self._context.now_ms,
                    height=effect.height,
                    digest=effect.block.digest,
                    valid=not reason,
                    reason=reason,
                    certified=effect.certified,
                    depends_on_clock=depends_on_clock,
                )
            )

    async def _obtain(self, effect: ObtainBlock) -> None:
        context = self._context
        body = context.bodies.get(effect.digest)
        if body is not None:
            reference = body.reference
        else:
            prepared = context.ports.store.body(effect.digest)
            block = (
                Block.decode(prepared)
                if prepared is not None
                else await self._fetching.whole(effect.height, effect.digest)
            )
            reference = reference_of(block)
        context.post(BlockObtained(context.now_ms, effect.height, reference))

    def _keep(self, body: Body) -> None:
        gone = self._context.bodies.add(body)
        if gone:
            self._context.tasks.spawn(self._discard(gone))

    async def _discard(self, digests: Sequence[Hash32]) -> None:
        executor = self._context.ports.executor
        lane = self._context.ports.lanes.executor
        for digest in digests:
            await lane(partial(executor.discard, digest))
