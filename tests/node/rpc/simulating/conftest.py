"""Every test of this folder runs on both executors, where they are installed."""

from tests.node.networks.devchain.conftest import executor

__all__ = ["executor"]
