"""Log lines: JSON for machines, a plain form on a terminal.

A record's `extra` fields `height`, `round` and `peer` become members of the JSON line.
Secrets are never given to a logger.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from node.config import LogConfig

FIELDS = ("height", "round", "peer")
PLAIN = "%(asctime)s %(levelname)-7s %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `at` is UTC with milliseconds."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, fields, traceback."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = "0x" + value.hex() if isinstance(value, bytes) else value
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def configure_logging(config: LogConfig) -> None:
    """Send all loggers to stderr in the form that the settings ask for."""
    plain = config.format == "plain" or (
        config.format == "auto" and sys.stderr.isatty()
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter(PLAIN, "%H:%M:%S") if plain else JsonFormatter()
    )
    logging.basicConfig(level=config.level.upper(), handlers=[handler], force=True)
    # py-evm and web libraries log every opcode and request at debug.
    for noisy in ("eth", "aiohttp", "asyncio", "parso", "web3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class EventLog:
    """Every event and effect of the engine as a JSON line, for `chandlery replay`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def write(self, entry: dict[str, object]) -> None:
        """Append; buffered, so what a crash loses is the newest part."""
        self._file.write(orjson.dumps(entry) + b"\n")

    def close(self) -> None:
        """Flush and release the file."""
        self._file.close()
