"""Relays in the mesh of a local network of validators, put there before it starts.

Each node's settings list whom it dials; here every one of these addresses is replaced
by that of a relay which leads there. Nothing else is touched, and the network is
started by the same command as ever. A pair of nodes keeps one connection, dialled by
either: both directions have a relay of their own.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from bench.descriptor import load_descriptor
from bench.errors import BenchError
from bench.faults.relay import Relays
from bench.faults.smalldisk import SmallDisk
from bench.targets.launch import Launcher, Running, network_words
from bench.targets.process import Child, TargetError, console_command

INIT_TIMEOUT_S = 90.0
# An entry of [p2p] peers: "0x<address>@host:port".
PEER = re.compile(r'"(0x[0-9a-fA-F]{40})@([^:"]+):(\d+)"')


async def relay_mesh(folder: Path) -> Relays:
    """Put relays into all links of the network in `folder`, made but not running."""
    descriptor = load_descriptor(folder / "descriptor.json")
    names = {
        (component.address or "").lower(): component.name
        for component in descriptor.components
    }
    relays = Relays()
    try:
        for component in descriptor.components:
            path = folder / component.name / "node.toml"
            await _redirect(relays, component.name, path, names)
    except BaseException:
        await relays.stop()
        raise
    return relays


async def _redirect(
    relays: Relays, source: str, path: Path, names: dict[str, str]
) -> None:
    text = path.read_text(encoding="utf-8")
    found = list(PEER.finditer(text))
    if not found and len(names) > 1:
        raise BenchError(f"{path} dials nobody: there is no link to put a relay into")
    for peer in found:
        address, host, port = peer.groups()
        target = names.get(address.lower(), address)
        here = await relays.insert(source, target, host, int(port))
        text = text.replace(peer.group(0), f'"{address}@127.0.0.1:{here}"')
    path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to a network between its making and its start."""

    relays: bool = False
    small_disks: bool = False


class PreparingLauncher(Launcher):
    """A launcher that can put relays into the mesh of a chain that it starts itself,
    and its nodes on small disks. Other targets are started as ever."""

    def __init__(self, target: str, log_folder: Path, wanted: Preparation) -> None:
        super().__init__(target, log_folder)
        is_chain = self.spec.kind == "validators"
        self._wanted = wanted if is_chain else Preparation()
        self.relays: Relays | None = None
        self.disks: dict[str, SmallDisk] = {}

    async def start(self) -> Running:
        """As ever; a network is made first, so that it can be prepared."""
        if self._wanted != Preparation():
            home = self._folder / "t"
            await self._make(home)
            if self._wanted.relays:
                self.relays = await relay_mesh(home)
            if self._wanted.small_disks:
                descriptor = load_descriptor(home / "descriptor.json")
                for component in descriptor.components:
                    disk = await asyncio.to_thread(
                        SmallDisk.under, home / component.name
                    )
                    self.disks[component.name] = disk
        return await super().start()

    async def stop(self) -> None:
        """The target, and then what was put in."""
        if self._child is not None:
            await self._child.stop()
        for disk in self.disks.values():
            disk.remove()
        await super().stop()
        if self.relays is not None:
            await self.relays.stop()

    async def _make(self, home: Path) -> None:
        words = ["init", str(home), *network_words(self.spec)]
        child = Child([*console_command(), *words], self._log_folder / "init.log")
        await child.start()
        if await child.wait(INIT_TIMEOUT_S) != 0:
            raise TargetError(f"'{child.words}' failed; it said: {child.last_words()}")
