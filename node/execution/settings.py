"""What an operator may set of an executor and its state; node.toml says it for a node.

The native executor follows all of it. py-evm follows `window_blocks` and `archive` as
far as answers go: it refuses the states that the native one no longer has. Its file
keeps their nodes all the same, and it uses one thread and no setting of memory.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateSettings:
    """See the module's docstring."""

    archive: bool = True
    """Keep what is needed to read every state; old ones take long."""
    window_blocks: int = 128
    """Without an archive, states of so many newest blocks stay readable."""
    checkpoint_blocks: int = 128
    """After a crash at most about so many blocks are executed again."""
    memory_bytes: int = 1 << 30
    """Above it, parts of the state that were not used lately leave the memory."""
    threads: int = 0
    """For signatures and large tries; 0 stands for one a core."""

    def is_readable(self, height: int, newest: int) -> bool:
        """Whether the state after block `height` is still answered for."""
        return self.archive or newest - height < self.window_blocks
