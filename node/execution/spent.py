"""What the native executors of this process have spent, by phase.

The package counts for itself, on every thread that works for it; py-evm does not.
"""

import sys


def cpu_s() -> dict[str, float]:
    """CPU seconds since the process began: recover, execute, roots, commit, checkpoint;
    empty in a process that has not loaded the native package."""
    native = sys.modules.get("chandlery_native")
    if native is None:
        return {}
    return {phase: ns / 1e9 for phase, ns in native.phases().items()}
