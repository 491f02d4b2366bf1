"""Relays in the mesh of a local network of validators, put there before it starts.

Each node's settings list whom it dials; here every one of these addresses is replaced
by that of a relay which leads there. Nothing else is touched, and the network is
started by the same command as ever. A pair of nodes keeps one connection, dialled by
either: both directions have a relay of their own.
"""

import re
from pathlib import Path

from bench.descriptor import load_descriptor
from bench.errors import BenchError
from bench.faults.relay import Relays
from bench.targets.launch import Launcher, Running
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


class RelayedLauncher(Launcher):
    """A launcher that puts relays into the mesh of a chain that it starts itself."""

    def __init__(self, target: str, log_folder: Path, wanted: bool) -> None:
        super().__init__(target, log_folder)
        self._wanted = wanted and self.spec.kind == "validators"
        self.relays: Relays | None = None

    async def start(self) -> Running:
        """As ever; a network is made first, so that its links can be led elsewhere."""
        if self._wanted:
            home = self._folder / "t"
            words = ["init", str(home), "--validators", str(self.spec.validators)]
            words += ["--rpc-port", "0", "--p2p-port", "0"]
            child = Child([*console_command(), *words], self._log_folder / "init.log")
            await child.start()
            if await child.wait(INIT_TIMEOUT_S) != 0:
                raise TargetError(
                    f"'{child.words}' failed; it said: {child.last_words()}"
                )
            self.relays = await relay_mesh(home)
        return await super().start()

    async def stop(self) -> None:
        """The target, and then its relays."""
        await super().stop()
        if self.relays is not None:
            await self.relays.stop()
