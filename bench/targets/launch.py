"""Targets by name: which commands bring one up, and how to know that it serves.

Every target lives in a fresh temporary folder (control sockets need short paths), is
started by the same commands that a user types, and is gone afterwards with its data.
"""

import asyncio
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.control import Control, ControlError
from bench.descriptor import Descriptor, load_descriptor
from bench.targets.chain import ACCOUNTS, SHOP, deploy_shop, with_client_versions
from bench.targets.process import Child, TargetError, console_command
from bench.targets.spec import TargetSpec, parse_target

START_TIMEOUT_S = 120.0
PROBE_TIMEOUT_S = 2.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Running:
    """A target that serves: its descriptor, and the folder with what clients need."""

    name: str
    descriptor: Descriptor
    folder: Path


class Launcher:
    """Brings one target up, and down again whatever happened."""

    def __init__(self, name: str, log_folder: Path, truth: str | None = None) -> None:
        self.spec = parse_target(name)
        self._truth = truth  # what is planted in a synthetic target, as JSON
        self._folder = Path(tempfile.mkdtemp(prefix=f"chandlery-{name[:12]}-"))
        # Servers that refuse to run as root run as somebody who must get in here.
        self._folder.chmod(0o711)
        self._log_folder = log_folder
        self._child: Child | None = None

    async def start(self) -> Running:
        """Start and wait until it serves; TargetError says what it printed."""
        home = self._folder / "t"
        if self.spec.kind == "synthetic":
            home.mkdir()
        argv = up_command(self.spec, home)
        if self._truth is not None:
            argv.append(self._truth)
        child = self._child = Child(argv, self._log_folder / "up.log")
        await child.start()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await _serves(home / "descriptor.json"):
                    if child.exit_code is not None:
                        raise TargetError(
                            f"'{child.words}' ended with exit code {child.exit_code}; "
                            f"it said: {child.last_words()}"
                        )
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise TargetError(
                f"'{child.words}' was not ready within {START_TIMEOUT_S:g} s; "
                f"it said: {child.last_words()}"
            ) from None
        descriptor = load_descriptor(home / "descriptor.json")
        if descriptor.world == "chain":
            descriptor = await with_client_versions(descriptor)
            url = descriptor.endpoints[0].url
            await deploy_shop(url, home / ACCOUNTS, home / SHOP, self._log_folder)
        return Running(self.spec.name, descriptor, home)

    async def stop(self) -> None:
        """Stop it and remove its folder."""
        if self._child is not None:
            await self._child.stop()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def up_command(spec: TargetSpec, home: Path) -> list[str]:
    """The command that brings a target up in the foreground."""
    if spec.kind == "synthetic":
        return [sys.executable, "-m", "bench.synthetic", str(home)]
    if spec.kind == "central":
        words = ["central", "up", spec.rung, "--dir", str(home), "--foreground"]
        if spec.detection_s:
            words += ["--detection-s", str(spec.detection_s)]
        return [*console_command(), *words]
    words = ["network", "up", str(home), *network_words(spec), "--foreground"]
    return [*console_command(), *words]


def network_words(spec: TargetSpec) -> list[str]:
    """How a chain is to be made, as options of `network up` and `init`."""
    words = ["--validators", str(spec.validators), "--rpc-port", "0", "--p2p-port", "0"]
    for option in spec.options:
        is_plain = option == "plain"
        words += ["--no-peer-tls"] if is_plain else ["--executor", option]
    if spec.detection_s:
        words += ["--round-timeout-ms", str(1000 * spec.detection_s)]
    return words


async def _serves(descriptor_path: Path) -> bool:
    """True once every component runs and every endpoint accepts connections."""
    if not descriptor_path.exists():
        return False
    descriptor = load_descriptor(descriptor_path)
    if descriptor.control is not None:
        control = Control(descriptor.control)
        try:
            states = await control.components()
        except ControlError:
            return False
        finally:
            await control.close()
        if not states or any(state.state != "running" for state in states):
            return False
    return all([await _accepts(endpoint.url) for endpoint in descriptor.endpoints])


async def _accepts(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
