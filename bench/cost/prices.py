"""The declared price list: a file that whoever disputes a price edits.

Nothing here knows any price. The list that was used is kept with the run.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.fields import Fields

SHIPPED = Path(__file__).with_name("prices.toml")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in `currency`; `machine_hour` by role, with a default."""

    currency: str
    machine_hour: dict[str, float]
    core_hour: float
    gigabyte_sent: float
    gigabyte_written: float
    cores: int
    source: str

    def hour_of(self, role: str) -> float:
        """One hour of a machine of this role."""
        return self.machine_hour.get(role, self.machine_hour[DEFAULT])


def load_prices(path: Path | None) -> Prices:
    """Read a list, or the shipped example; BenchError names the first wrong field."""
    path = path or SHIPPED
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}; name a price list") from None
    return parse_prices(text, path.name)


def parse_prices(text: str, where: str) -> Prices:
    """Validate a list's text."""
    try:
        fields = Fields(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"{where} is not valid TOML: {error}") from None
    hours = fields.take("machine_hour")
    if not isinstance(hours, dict) or DEFAULT not in hours:
        raise BenchError(f"{where}.machine_hour: prices by role and a 'default'")
    table = Fields(hours, f"{where}.machine_hour")
    machine_hour = {str(role): table.number(str(role)) for role in hours}
    used, machine = fields.inner("used"), fields.inner("machine")
    prices = Prices(
        fields.text("currency"),
        machine_hour,
        used.number("core_hour"),
        used.number("gigabyte_sent"),
        used.number("gigabyte_written"),
        machine.integer("cores", low=1, high=1024),
        text,
    )
    for inner in (used, machine, fields):
        inner.finish()
    return prices
