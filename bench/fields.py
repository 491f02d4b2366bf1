"""Reading of tables that people and other programs write: TOML and JSON.

Each field is asked for by name and type, and what nobody asked for is an error too: a
misspelt setting must not be silently ignored in a measurement. Every error names the
place, what was found and what is allowed there.
"""

from collections.abc import Iterator
from typing import Any

from bench.errors import BenchError


class Fields:
    """One table under inspection. `where` is how errors name it."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, dict):
            raise BenchError(f"{where}: a table is needed, not {table!r}")
        self._table: dict[str, Any] = dict(table)
        self._asked: set[str] = set()
        self.where = where

    def has(self, name: str) -> bool:
        """True if the table holds the field."""
        return name in self._table

    def take(self, name: str, default: object = ...) -> Any:
        """The raw value of a field; `default` if it is absent and one is given."""
        self._asked.add(name)
        if name in self._table:
            return self._table[name]
        if default is ...:
            raise BenchError(f"{self.where}: the field '{name}' is missing")
        return default

    def text(self, name: str, default: object = ...) -> str:
        """A non-empty string."""
        value = self.take(name, default)
        if not isinstance(value, str) or not (value or default == ""):
            raise self._wrong(name, "a non-empty text", value)
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words."""
        value = self.text(name)
        if value not in allowed:
            raise self._wrong(name, "one of " + ", ".join(allowed), value)
        return value

    def number(
        self, name: str, default: object = ..., low: float = 0.0, high: float = 1e12
    ) -> float:
        """A number within [low, high]."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, "a number", value)
        if not low <= value <= high:
            raise self._wrong(name, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def integer(
        self, name: str, default: object = ..., low: int = 0, high: int = 10**12
    ) -> int:
        """A whole number within [low, high]."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "a whole number", value)
        if not low <= value <= high:
            raise self._wrong(name, f"a whole number from {low} to {high}", value)
        return value

    def flag(self, name: str, default: object = ...) -> bool:
        """True or false."""
        value = self.take(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def texts(self, name: str, default: object = ...) -> tuple[str, ...]:
        """A list of non-empty strings, not empty itself unless that is the default."""
        value = self.take(name, default)
        if isinstance(value, tuple):
            value = list(value)
        ok = isinstance(value, list) and all(isinstance(v, str) and v for v in value)
        if not ok or (not value and default is ...):
            raise self._wrong(name, "a list of texts", value)
        return tuple(value)

    def inner(self, name: str) -> "Fields":
        """A table below this one."""
        return Fields(self.take(name), f"{self.where}.{name}")

    def list_of(self, name: str, default: object = ...) -> Iterator["Fields"]:
        """The tables of a list."""
        value = self.take(name, default)
        if not isinstance(value, list | tuple):
            raise self._wrong(name, "a list of tables", value)
        for number, item in enumerate(value):
            yield Fields(item, f"{self.where}.{name}[{number}]")

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        unknown = sorted(set(self._table) - self._asked)
        if unknown:
            raise BenchError(
                f"{self.where}: unknown field '{unknown[0]}'; "
                f"known here: {', '.join(sorted(self._asked))}"
            )

    def _wrong(self, name: str, wanted: str, value: object) -> BenchError:
        return BenchError(f"{self.where}.{name}: {wanted} is needed, not {value!r}")
