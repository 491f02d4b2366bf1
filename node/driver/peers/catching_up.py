"""Runs the pure catch-up machine: sends its questions, applies its blocks."""

import logging

from node.driver.background import Alarm
from node.driver.blocks.commits import BodyForged, Commits, Final
from node.driver.context import Context
from node.gossip.messages import Status
from node.primitives.types import Address
from node.sync.catch_up import Apply, Ask, CatchUp, SyncEffect, SyncLimits
from node.sync.messages import Blocks
from node.sync.verification import CertifiedBlock, Checks

log = logging.getLogger(__name__)


class CatchingUp:
    """`node.sync.catch_up` in this driver."""

    def __init__(self, context: Context, commits: Commits) -> None:
        self._context = context
        self._commits = commits
        settings, rules = context.settings, context.genesis.consensus.header_rules
        self.machine = CatchUp(
            context.head.header,
            context.head.validators,
            Checks(context.domain, context.ports.verifier, rules),
            SyncLimits(settings.sync_grace_ms, settings.sync_timeout_ms),
        )
        self._alarm = Alarm(context.ports.clock, self._on_due)
        commits.listen(self._on_final)

    def resume(self) -> None:
        """Go on from the head that recovery found."""
        head, now_ms = self._context.head, self._context.now_ms
        self._perform(self.machine.on_head(head.header, head.validators, now_ms))

    def on_status(self, peer: Address, status: Status) -> None:
        """Where a peer stands."""
        now_ms = self._context.now_ms
        self._perform(self.machine.on_status(peer, status.height, now_ms))

    def on_blocks(self, peer: Address, answer: Blocks) -> None:
        """Blocks that were asked for."""
        self._perform(self.machine.on_blocks(peer, answer, self._context.now_ms))

    def on_disconnected(self, peer: Address) -> None:
        """A peer is gone."""
        self._perform(self.machine.on_disconnected(peer, self._context.now_ms))

    def close(self) -> None:
        """Ask no more."""
        self._alarm.set(None)

    def _on_final(self, _: Final) -> None:
        self.resume()

    def _on_due(self) -> None:
        self._perform(self.machine.on_tick(self._context.now_ms))

    def _perform(self, effects: list[SyncEffect]) -> None:
        network = self._context.ports.network
        for effect in effects:
            if isinstance(effect, Ask):
                network.send(effect.peer, effect.request)
            elif isinstance(effect, Apply):
                self._context.tasks.spawn(self._apply(effect.certified))
            else:
                log.warning("peer 0x%s: %s", effect.peer.hex(), effect.reason)
                network.report(effect.peer, effect.reason)
        self._alarm.set(self.machine.deadline_ms())

    async def _apply(self, certified: CertifiedBlock) -> None:
        try:
            await self._commits.commit_synced(certified)
        except BodyForged as error:
            now_ms = self._context.now_ms
            self._perform(self.machine.on_apply_failed(str(error), now_ms))
