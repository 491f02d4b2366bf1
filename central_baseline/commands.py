"""What the verbs of the command line do."""

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from central_baseline.config import Layout, Settings
from central_baseline.daemon import run_rung
from central_baseline.errors import CentralError, RefusedError, StartError
from central_baseline.supervisor.control import ask
from central_baseline.supervisor.meter import is_alive
from central_baseline.supervisor.plan import Plan
from central_baseline.supervisor.sweep import sweep

DOWN_TIMEOUT_S = 60.0
POLL_S = 0.05
LOG_TAIL = 1500


def up(settings: Settings, timeout_s: float) -> dict[str, Any]:
    """Leave a supervisor behind; returns {"rung", "urls", "folder", "control"}."""
    layout = Layout(settings.folder)
    layout.claim(settings.rung)
    if layout.is_locked():
        raise RefusedError(
            f"{settings.rung} is already up in {settings.folder}; see "
            "'chandlery central status'"
        )
    settings.save(layout.settings)
    listening, reporting = os.pipe()
    argv = [
        sys.executable,
        "-m",
        "central_baseline.daemon",
        str(layout.settings),
        str(reporting),
    ]
    with layout.log("supervisor").open("ab") as log:
        daemon = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(reporting,),
            start_new_session=True,
        )
    os.close(reporting)
    try:
        reply = _await_report(listening, timeout_s)
    except BaseException:
        # Ctrl-C or a start that hangs: the daemon must not live on unnoticed.
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
        raise
    finally:
        os.close(listening)
    if reply is None or "error" in reply:
        daemon.wait()
        raise _start_error(reply, layout)
    # It outlives us on purpose: no warning that it still runs.
    daemon.returncode = 0
    return {
        "rung": settings.rung,
        "urls": reply["urls"],
        "folder": str(layout.folder),
        "control": str(layout.control),
    }


def up_in_foreground(settings: Settings, as_json: bool) -> int:
    """Run here until Ctrl-C, then say what was stopped."""

    def on_ready(plan: Plan) -> None:
        urls = [endpoint.url for endpoint in plan.endpoints]
        if as_json:
            print(json.dumps({"rung": plan.rung, "urls": urls}), flush=True)
        else:
            print(f"{plan.rung} is up at {', '.join(urls)}; Ctrl-C stops", flush=True)

    stopped = asyncio.run(run_rung(settings, on_ready))
    line = f"stopped {', '.join(stopped) or 'nothing'}"
    print(json.dumps({"stopped": stopped}) if as_json else line)
    return 0


def down(folder: Path) -> list[str] | None:
    """Stop the rung in the folder; None when it was not running."""
    layout = Layout(folder)
    if not layout.is_locked():
        # A supervisor that was killed may have left grandchildren.
        return ["leftovers"] if sweep(layout.folder) else None
    pid = layout.supervisor_pid()
    reply = asyncio.run(ask(layout.control, "shutdown", DOWN_TIMEOUT_S))
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while layout.is_locked() or (pid is not None and is_alive(pid)):
        if time.monotonic() > deadline:
            raise CentralError(
                f"the supervisor in {folder} does not end; see {layout.logs}"
            )
        time.sleep(POLL_S)
    stopped: list[str] = reply["stopped"]
    return stopped


def status(folder: Path) -> dict[str, Any]:
    """{"up", "urls", "components": [as the control socket lists them], "meaning":
    [sentences on what does not run]}, and of a cluster "primary" and "copies"."""
    from central_baseline.operating import copies_of
    from central_baseline.standing import meaning

    layout = Layout(folder)
    if not layout.is_locked():
        return {"up": False, "urls": [], "components": [], "meaning": []}
    components = asyncio.run(ask(layout.control, "list"))["components"]
    urls: list[str] = []
    agents: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError):  # it only just starts
        known = json.loads(layout.descriptor.read_text())
        urls = [endpoint["url"] for endpoint in known["endpoints"]]
        agents = json.loads(layout.admin.read_text()).get("agents", {})
    found = {"up": True, "urls": urls, "components": components}
    copies = asyncio.run(copies_of(agents)) if agents else None
    alive = {entry["name"] for entry in components if entry["state"] == "running"}
    # Agents go on telling of the dead until a lease is over.
    if copies is not None and copies.primary in alive:
        standing = [name for name in copies.synchronous if name in alive]
        found |= {"primary": copies.primary, "copies": standing}
    return {**found, "meaning": meaning(components, copies)}


def status_lines(rung: str, found: dict[str, Any]) -> list[str]:
    """The status for people."""
    if not found["up"]:
        return [f"{rung} is not running"]
    lines = [f"{rung} at {', '.join(found['urls']) or 'no address yet'}"]
    for component in found["components"]:
        line = (
            f"  {component['name']:<12}{component['state']:<10}"
            f"{component['role']:<10}cpu {component['cpu_seconds']:.1f} s  "
            f"memory {component['rss_bytes'] // 2**20} MiB  "
            f"restarts {component['restarts']}"
        )
        if component["exit"]:
            line += f"  last death: {component['exit']}"
        lines.append(line)
    if "primary" in found:
        copies = " and ".join(found["copies"]) or "nobody yet"
        lines.append(f"  {found['primary']} is the primary; copies: {copies}")
    return lines + [f"  {sentence}" for sentence in found["meaning"]]


def _await_report(listening: int, timeout_s: float) -> dict[str, Any] | None:
    """The daemon's one line, None when it ended without a word."""
    ready, _, _ = select.select([listening], [], [], timeout_s)
    if not ready:
        raise StartError(f"the rung was not up after {timeout_s:.0f} s")
    line = os.read(listening, 65536)
    reply: dict[str, Any] | None = json.loads(line) if line else None
    return reply


def _start_error(reply: dict[str, Any] | None, layout: Layout) -> CentralError:
    if reply is not None:
        error = StartError(str(reply["error"]))
        error.exit_code = int(reply.get("exit_code", 1))
        return error
    log = layout.log("supervisor")
    tail = log.read_text(errors="replace")[-LOG_TAIL:].strip()
    return StartError(f"the supervisor ended early; log {log}:\n{tail}")
