"""The adapter for a running target, by what its descriptor says."""

from pathlib import Path

from bench.adapters.central import CentralAdapter
from bench.adapters.contract import Adapter
from bench.adapters.synthetic import SyntheticAdapter
from bench.descriptor import Descriptor
from bench.errors import BenchError


def make_adapter(descriptor: Descriptor, folder: Path) -> Adapter:
    """An adapter that is not open yet. `folder` holds what the target gave its clients
    (credentials for provisioning, funded accounts)."""
    if descriptor.rung == "synthetic":
        return SyntheticAdapter(descriptor)
    if descriptor.world == "central":
        return CentralAdapter(descriptor, folder)
    raise BenchError(f"no adapter speaks to a {descriptor.world} target")
