"""The explorer: one page of the node's own, for people who look at a chain.

Static files without a build step, found by the node through the entry point group
`chandlery.pages` like any other page. It asks the node that shows it over JSON-RPC, and
hears of new blocks through its WebSocket; nobody else is asked anything. Calls, events
are decoded with the interfaces that packages publish (`node.rpc.pages`).
"""

from pathlib import Path


def directory() -> Path:
    """The folder with index.html and static/."""
    return Path(__file__).resolve().parent / "pages"
