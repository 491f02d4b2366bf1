"""A whole simulated network: hosts, wire, clients, and the faults of a plan in time.

First the faults, then everything heals (liars go on lying), then clients finish what
they began and every honest host makes new blocks final, or the deadline passes.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import lru_cache
from random import Random
from typing import Any

from node.chain.genesis import ConsensusConfig, Genesis
from node.chain.genesis_builder import make_genesis
from node.chain.signing import MessageCode, SigningDomain
from node.simulation.clients import Client, account_of, burst
from node.simulation.history import History
from node.simulation.host import Host, Surroundings
from node.simulation.machine.disk import Moment
from node.simulation.machine.keys import address_of
from node.simulation.machine.ledger import JOIN, LEAVE, Executions
from node.simulation.machine.network import Wire
from node.simulation.machine.virtual_time import START_S, VirtualLoop
from node.simulation.plan import Fault, Kind, Plan, liars_survived

CHAIN_ID = 7_001
OPERATOR, BURSTER, FIRST_CLIENT = 0, 1, 2
SHOPPING_AFTER_HEALING_S = 2.0
SLACK_S = 6.0
"""Beyond the protocol's bound: connecting, sync's waits, clocks that drift."""
MUTED_LOSS = 0.9
TICK_S = 1.0
LOG_COPIES = 4

Record = Callable[[str, dict[str, object]], None]


def consensus_of(size: int) -> ConsensusConfig:
    """Quick timers; nobody leaves a set of the first size."""
    return ConsensusConfig(
        gathering_ms=40,
        min_block_interval_ms=100,
        empty_block_period_ms=2_000,
        round_timeout_ms=1_000,
        min_validators=size,
    )


@lru_cache(maxsize=16)
def genesis_of(size: int) -> Genesis:
    """A network of so many validators with rich clients."""
    return make_genesis(
        chain_id=CHAIN_ID,
        validators=[address_of(name) for name in "ABCDEFGHIJKLMNOP"[:size]],
        balances={account_of(number): 10**24 for number in range(8)},
        consensus=consensus_of(size),
        timestamp=START_S - 10,
    )


def resume_bound_s(plan: Plan) -> float:
    """(f+1) capped timers and a block's time after healing, and SLACK_S."""
    config = consensus_of(plan.size)
    cap_s = config.round_timeout_ms * config.round_timeout_cap_factor / 1000
    block_s = (config.empty_block_period_ms + config.round_timeout_ms) / 1000
    return (liars_survived(plan.size) + 1) * cap_s + block_s + SLACK_S


class World:
    """Build it inside the loop; `await run()` fills the history."""

    def __init__(
        self, plan: Plan, loop: VirtualLoop, record: Record | None = None
    ) -> None:
        self.plan = plan
        self.loop = loop
        self.history = History(lambda: loop.now_ms)
        self.genesis = genesis_of(plan.size)
        domain = SigningDomain(CHAIN_ID, self.genesis.digest)
        self.wire = Wire(loop, self._random("wire"), domain, self.history)
        self._around = Surroundings(
            loop,
            self.wire,
            self.history,
            self.genesis,
            domain,
            plan.pool_limit,
            Executions(),
            tuple(map(address_of, dict.fromkeys((*plan.faulty, *plan.wiped)))),
            record,
        )
        self.hosts: dict[str, Host] = {}
        self._logs: dict[str, list[bytes]] = {}
        self._apart: dict[Fault, list[str]] = {}
        lies = dict(plan.liars)
        for position, name in enumerate(plan.validators):
            self._add(name, plan.rates[position], lies.get(name, ()))
        for name in plan.twins:
            self._add(name + "2", 1.0, ())
        self.clients = [
            Client(
                account_of(FIRST_CLIENT + number),
                self._random(f"client {number}"),
                self.servers,
                self.history,
            )
            for number in range(plan.clients)
        ]
        self.operator = Client(
            account_of(OPERATOR), self._random("operator"), self.servers, self.history
        )
        self._bursts = self._random("bursts")
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def honest(self) -> list[Host]:
        """Hosts whose signatures must keep every promise."""
        faulty = self.plan.faulty
        return [h for h in self.hosts.values() if h.name[0] not in faulty]

    def servers(self) -> list[Host]:
        """What clients talk to."""
        return [host for host in self.honest if host.is_up]

    async def run(self) -> None:
        """The whole simulation."""
        await asyncio.gather(*map(self._revive, list(self.hosts.values())))
        self._spawn_clients()
        for fault in self.plan.faults:
            self.loop.call_at(fault.at_s, self._begin, fault)
        self.loop.call_later(TICK_S, self._tick)
        await asyncio.sleep(self.plan.heal_s - self.loop.time())
        await self._heal()
        await asyncio.sleep(SHOPPING_AFTER_HEALING_S)
        for client in (*self.clients, self.operator):
            client.stopping = True
        deadline_s = self.plan.heal_s + resume_bound_s(self.plan)
        while not (self.loop.time() >= deadline_s or self._is_settled()):  # noqa: ASYNC110
            # Virtual time: a poll costs nothing and keeps the end on a grid.
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.5)
        for client in (*self.clients, self.operator):
            if client.pending is not None or client.queue:
                self.history.unfinished.append(
                    f"account {client.account[0]:x} waits for nonce {client.nonce}"
                )
        self._note_resumed()

    def _spawn_clients(self) -> None:
        runs = [client.run(True) for client in self.clients]
        runs.append(self.operator.run(False))
        self._tasks += [self.loop.create_task(run) for run in runs]

    def _random(self, use: str) -> Random:
        return Random(f"{self.plan.seed}/{use}")

    def _add(self, name: str, rate: float, lies: tuple[object, ...]) -> Host:
        random = self._random(f"host {name}")
        host = Host(name, self._around, random, rate, lies)  # type: ignore[arg-type]
        self.hosts[name] = host
        return host

    def _tick(self) -> None:
        for host in self.hosts.values():
            host.tick()
            copies = self._logs.setdefault(host.name, [])
            copies.append(host.disk.durable("safety.log"))
            del copies[:-LOG_COPIES]
        self._note_resumed()
        self.loop.call_later(TICK_S, self._tick)

    # --- faults ---

    def _begin(self, fault: Fault) -> None:
        self.history.note("", f"fault: {fault.kind} {','.join(fault.hosts)}")
        match fault.kind:
            case Kind.KILL | Kind.POWER | Kind.RECOVER:
                self.hosts[fault.hosts[0]].crash(fault.kind is Kind.POWER, fault.kind)
            case Kind.LOST_LOG | Kind.FOREIGN_LOG | Kind.OLD_LOG:
                self.hosts[fault.hosts[0]].crash(True, fault.kind)
            case Kind.BLACKOUT | Kind.WIPE:
                self._stop_all(True, fault.kind)
            case Kind.PAUSE:
                self.loop.pause(fault.hosts[0])
            case Kind.CLONE:
                original = self.hosts[fault.hosts[0]]
                clone = self._add(original.name + "2", 1.0, ())
                clone.become_copy_of(original)
                self._revive(clone)
            case Kind.WRITE:
                disk = self.hosts[fault.hosts[0]].disk
                moments = {0.0: Moment.BEFORE, 0.25: Moment.AT, 0.5: Moment.AFTER}
                count = int(fault.value)
                disk.cut_at = disk.writes + count, moments[fault.value - count]
            case Kind.FULL:
                self.hosts[fault.hosts[0]].disk.is_full = True
            case Kind.SYNC:
                self.hosts[fault.hosts[0]].disk.failing_syncs = int(fault.value)
            case Kind.JUMP:
                self.hosts[fault.hosts[0]].clock.ahead_s += int(fault.value)
            case Kind.JOIN:
                name = fault.hosts[0]
                host = self._add(name, self.plan.rates[-1], ())
                self._revive(host)
                self.operator.queue.append((JOIN, host.signer.address))
            case Kind.LEAVE:
                address = self.hosts[fault.hosts[0]].signer.address
                self.operator.queue.append((LEAVE, address))
            case Kind.BURST:
                self._begin_burst(int(fault.value))
            case _:
                self._disturb(fault, 1)
        self.loop.call_at(fault.until_s, self._end, fault)

    def _end(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.KILL | Kind.POWER | Kind.WRITE | Kind.SYNC:
                self._revive(self.hosts[fault.hosts[0]])
            case Kind.BLACKOUT:
                self._revive_all()
            case Kind.LOST_LOG | Kind.FOREIGN_LOG | Kind.OLD_LOG:
                host = self.hosts[fault.hosts[0]]
                host.crash(True, fault.kind)
                host.place_log(self._other_log(fault))
                self._revive(host)
            case Kind.WIPE:
                self._stop_all(True, fault.kind)
                for name in fault.hosts:
                    self.hosts[name].place_log(None)
                self._revive_all()
            case Kind.RECOVER:
                host = self.hosts[fault.hosts[0]]
                host.crash(False, fault.kind)
                host.recover_log(None)
                self._revive(host)
            case Kind.PAUSE:
                self.loop.resume(fault.hosts[0])
            case Kind.FULL:
                self.hosts[fault.hosts[0]].disk.is_full = False
            case Kind.JUMP:
                self.hosts[fault.hosts[0]].clock.ahead_s -= int(fault.value)
            case Kind.JOIN | Kind.LEAVE | Kind.BURST | Kind.CLONE:
                pass
            case _:
                self._disturb(fault, -1)

    def _other_log(self, fault: Fault) -> bytes | None:
        """What lies where the safety log was: nothing, another's, an older one."""
        if fault.kind is Kind.FOREIGN_LOG:
            return self.hosts[fault.hosts[1]].disk.durable("safety.log") or None
        copies = self._logs.get(fault.hosts[0], [])
        return copies[0] if fault.kind is Kind.OLD_LOG and copies else None

    def _recover_wiped(self) -> None:
        """The operators together: stop all, recover above the newest block of any."""
        if self.plan.wiped:
            self._stop_all(False, "all operators stop their nodes")
            newest = max(host.height for host in self.hosts.values())
            for name in self.plan.wiped:
                self.hosts[name].recover_log(newest)

    def _disturb(self, fault: Fault, sign: int) -> None:
        """Begin (+1) or end (-1) something that the wire does."""
        wire = self.wire
        match fault.kind:
            case Kind.SPLIT:
                # Who joins meanwhile is on no side: its links must not be mended.
                others = self._apart.setdefault(
                    fault, [n for n in self.hosts if n not in fault.hosts]
                )
                for one in fault.hosts:
                    for other in others:
                        self._cut(fault, one, other, sign)
            case Kind.LINK if fault.hosts:
                self._cut(fault, fault.hosts[0], fault.hosts[1], sign)
            case Kind.ONE_WAY if fault.hosts:
                wire.vanish(fault.hosts[0], fault.hosts[1], sign)
            case Kind.LOSS:
                wire.loss = max(0.0, round(wire.loss + sign * fault.value, 6))
            case Kind.MUTE:
                wire.mute(int(fault.value), MUTED_LOSS, sign > 0)
            case Kind.LOCKS:
                wire.mute(MessageCode.COMMIT, MUTED_LOSS, sign > 0)
                wire.mute(MessageCode.PREPARE, fault.value, sign > 0)
            case Kind.REPEAT:
                wire.repeat = max(0.0, round(wire.repeat + sign * fault.value, 6))
            case Kind.SHUFFLE:
                wire.shuffled += sign
            case Kind.SLOW:
                wire.slow_s = max(0.0, wire.slow_s + sign * fault.value / 1000)
            case _:
                pass

    def _cut(self, fault: Fault, one: str, other: str, sign: int) -> None:
        """Noticed or not: by the parity of the fault's first millisecond."""
        if round(fault.at_s * 1000) % 2:
            if sign > 0:
                self.wire.sever(one, other)
            elif self.wire.severed.get((one, other)):
                self.wire.mend(one, other)
        else:
            self.wire.vanish(one, other, sign)
            self.wire.vanish(other, one, sign)

    def _begin_burst(self, count: int) -> None:
        servers = self.servers()
        if servers:
            server = self._bursts.choice(servers)
            work = burst(server, account_of(BURSTER), count, self._bursts)
            self._spawn(work)

    async def _heal(self) -> None:
        """All faults end; the dead come back."""
        await asyncio.sleep(0.001)  # after the ends that are due now
        self.history.note("", "healed")
        self.history.healed_ms = self.loop.now_ms
        self._recover_wiped()
        for host in list(self.hosts.values()):
            host.disk.is_full, host.disk.failing_syncs = False, 0
            host.disk.cut_at = None
            self.loop.resume(host.name)
        self._revive_all()

    def _stop_all(self, is_power_cut: bool, why: str) -> None:
        for host in list(self.hosts.values()):
            host.crash(is_power_cut, why)

    def _revive_all(self) -> None:
        for host in list(self.hosts.values()):
            self._revive(host)

    def _revive(self, host: Host) -> asyncio.Task[None]:
        return self._spawn(host.start(), host.context)

    def _spawn(
        self, work: Coroutine[Any, Any, None], context: Context | None = None
    ) -> asyncio.Task[None]:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(self.loop.create_task(work, context=context))
        return self._tasks[-1]

    # --- the end ---

    def _note_resumed(self) -> None:
        history = self.history
        if not history.healed_ms:
            return
        before = [
            f.block.header.number
            for f in history.finals
            if f.at_ms <= history.healed_ms
        ]
        highest = max(before, default=0)
        for final in history.finals:
            if final.block.header.number > highest:
                history.resumed_ms.setdefault(final.host, final.at_ms)

    def _is_settled(self) -> bool:
        """Clients have what they wanted, hosts have resumed and stand together."""
        self._note_resumed()
        clients = (*self.clients, self.operator)
        if any(client.pending is not None or client.queue for client in clients):
            return False
        up = [host for host in self.honest if not host.refused]
        if not all(host.name in self.history.resumed_ms for host in up):
            return False
        heights = [h.driver.head.header.number if h.driver else 0 for h in up]
        return max(heights) - min(heights) <= 1
