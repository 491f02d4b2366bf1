"""The launcher for a target: one that starts it here, or one that finds it running."""

from pathlib import Path
from typing import Protocol

from bench.targets.launch import Launcher, Running
from bench.targets.remote import Remote
from bench.targets.spec import TargetSpec


class AnyLauncher(Protocol):
    """Brings a target up (or finds it) and lets go of it."""

    async def start(self) -> Running:
        """Return once it serves; BenchError says why it does not."""

    async def stop(self) -> None:
        """Leave nothing behind that was started or written here."""


def make_launcher(spec: TargetSpec, log_folder: Path) -> AnyLauncher:
    """A launcher that has not begun yet."""
    if spec.is_remote:
        return Remote(spec, log_folder)
    return Launcher(spec.text, log_folder)
