"""Settings of one node, frozen, read once: flag > CHANDLERY_* > node.toml > default.

A setting `port` of section `rpc` is `[rpc] port` in node.toml, `CHANDLERY_RPC_PORT` in
the environment and `rpc.port` in the overrides that command-line flags make. An unknown
key, a value of the wrong type or out of range is refused with the nearest valid key:
a misspelt limit that is silently ignored is worse than a node that does not start.
What validators must agree on is not here but in the genesis file.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "CHANDLERY_"


class ConfigError(ValueError):
    """A setting is wrong; says which, where it came from and what is expected."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class P2pConfig:
    """The mesh of validators."""

    host: str = "127.0.0.1"
    port: int = 30301
    peers: tuple[str, ...] = ()
    """Whom to dial: "0x<node address>@host:port" each."""
    observers: tuple[str, ...] = ()
    """Node addresses that may connect without being validators."""
    tls: bool = True
    max_peers: int = 64


@dataclass(frozen=True, slots=True)
class RpcConfig:
    """JSON-RPC over HTTP and WebSocket, on one port."""

    host: str = "127.0.0.1"
    port: int = 8545
    token: str = ""
    """Asked of every client when set: `Authorization: Bearer TOKEN`."""
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 1_000_000
    max_batch: int = 50
    max_log_blocks: int = 1_000
    max_log_results: int = 10_000
    call_gas_cap: int = 50_000_000
    call_timeout_ms: int = 5_000
    max_websockets: int = 100
    max_subscriptions: int = 32
    rate_per_s: int = 20_000
    """Requests a second and client address, with a burst of as many."""


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """Which states stay readable: all (`archive`), or the last `state_window`."""

    archive: bool = True
    state_window: int = 128
    """Blocks."""


@dataclass(frozen=True, slots=True)
class ExecutorConfig:
    """Which executor runs, and whether a second one checks it."""

    kind: str = "auto"
    verify_with: str = ""
    threads: int = 0
    """Of the native executor; 0 stands for one a core."""
    memory_mib: int = 1_024
    """What the native executor's state may take, about."""
    checkpoint_blocks: int = 128
    """After a crash at most about so many blocks are executed again (native)."""


@dataclass(frozen=True, slots=True)
class TxpoolConfig:
    """Limits of the pool."""

    max_transactions: int = 20_000
    max_bytes: int = 64_000_000
    max_per_sender: int = 4_096
    lifetime_s: int = 3 * 3600
    min_priority_fee_wei: int = 0


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """The admin port: /live, /ready, /metrics. 0 lets the system choose."""

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class LogConfig:
    """JSON lines, or a plain format on a terminal (`auto`)."""

    level: str = "info"
    format: str = "auto"
    events: bool = False
    """Also record every consensus event and effect, for `chandlery replay`."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """All sections; `directory` is where the node lives."""

    directory: Path
    p2p: P2pConfig = field(default_factory=P2pConfig)
    rpc: RpcConfig = field(default_factory=RpcConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    txpool: TxpoolConfig = field(default_factory=TxpoolConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    log: LogConfig = field(default_factory=LogConfig)


CHOICES = {
    "executor.kind": ("auto", "native", "pyevm"),
    "executor.verify_with": ("", "native", "pyevm"),
    "log.level": ("debug", "info", "warning", "error"),
    "log.format": ("auto", "json", "plain"),
}
MINIMUMS = {
    "storage.state_window": 1,
    "executor.memory_mib": 64,
    "executor.checkpoint_blocks": 1,
}
SECTIONS: dict[str, Any] = {
    f.name: f.default_factory for f in fields(NodeConfig) if f.name != "directory"
}


def load_config(
    directory: Path,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> NodeConfig:
    """Read DIRECTORY/node.toml and lay environment and flags over it.

    Raises ConfigError, with what to do next.
    """
    values = _read_toml(directory / "node.toml")
    for name, text in environment.items():
        key = _key_of_variable(name)
        if key is not None:
            values[key] = (_parse_text(key, text, name), name)
    for key, value in (overrides or {}).items():
        if value is not None:
            values[key] = (value, f"--{key.replace('.', '-')}")
    sections = {
        section: factory(**_section_values(section, factory, values))
        for section, factory in SECTIONS.items()
    }
    return NodeConfig(directory, **sections)


def _read_toml(path: Path) -> dict[str, tuple[Any, str]]:
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(
            f"{path.parent} is not a node directory: it has no node.toml; "
            "make one with `chandlery init`"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    values = {}
    for section, content in data.items():
        if section not in SECTIONS or not isinstance(content, dict):
            raise ConfigError(f"{path}: {_unknown(section, SECTIONS, 'section')}")
        known = {f.name for f in fields(SECTIONS[section])}
        for key, value in content.items():
            if key not in known:
                raise ConfigError(f"{path} [{section}]: {_unknown(key, known, 'key')}")
            values[f"{section}.{key}"] = (value, f"{path} [{section}] {key}")
    return values


def _unknown(name: str, known: Any, what: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean '{close[0]}'?" if close else f"; known: {sorted(known)}"
    return f"unknown {what} '{name}'{hint}"


def _key_of_variable(name: str) -> str | None:
    """CHANDLERY_RPC_PORT -> rpc.port; None when it names no section of ours."""
    if not name.startswith(PREFIX):
        return None
    section, _, key = name.removeprefix(PREFIX).lower().partition("_")
    if section not in SECTIONS:
        return None  # CHANDLERY_DEBUG and others of their own meaning
    known = {f.name for f in fields(SECTIONS[section])}
    if key not in known:
        raise ConfigError(f"environment {name}: {_unknown(key, known, 'key')}")
    return f"{section}.{key}"


def _parse_text(key: str, text: str, source: str) -> Any:
    expected = type(_default(key))
    if expected is bool:
        if text.lower() not in {"true", "false", "1", "0"}:
            raise ConfigError(f"{source} is '{text}': expected true or false")
        return text.lower() in {"true", "1"}
    if expected is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{source} is '{text}': expected a number") from None
    if expected is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _default(key: str) -> Any:
    section, name = key.split(".")
    found: Field[Any] = {f.name: f for f in fields(SECTIONS[section])}[name]
    return found.default if found.default is not MISSING else ()


def _section_values(
    section: str, factory: Any, values: Mapping[str, tuple[Any, str]]
) -> dict[str, Any]:
    return {
        f.name: _checked(f"{section}.{f.name}", *values[f"{section}.{f.name}"])
        for f in fields(factory)
        if f"{section}.{f.name}" in values
    }


def _checked(key: str, value: Any, source: str) -> Any:
    expected = type(_default(key))
    if isinstance(value, list):
        value = tuple(value)
    if type(value) is not expected:
        raise ConfigError(f"{source}: expected {expected.__name__}, got {value!r}")
    if key in CHOICES and value not in CHOICES[key]:
        raise ConfigError(f"{source}: expected one of {CHOICES[key]}, got {value!r}")
    if key.endswith(".port") and not 0 <= value <= 65_535:
        raise ConfigError(f"{source}: a port is between 0 and 65535, got {value}")
    if expected is int and value < 0:
        raise ConfigError(f"{source}: must not be negative, got {value}")
    if key in MINIMUMS and value < MINIMUMS[key]:
        raise ConfigError(f"{source}: must be {MINIMUMS[key]} or more, got {value}")
    return value
