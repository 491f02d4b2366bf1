"""How figures are written for people: units, rounding, and what is not there."""

NOT_CARRIED = "n/a"
FIGURE_NAMES = {
    "place_order_latency_ms": "the wait for an order",
    "browse_latency_ms": "the wait for the catalogue",
    "goodput_orders_per_s": "orders finished in a second",
    "cpu_ms_per_order": "CPU for an order",
    "availability_rto_s": "the time until available again",
    "orders_lost": "orders lost",
}


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many significant digits; "n/a" for None."""
    if value is None:
        return NOT_CARRIED
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return f"{float(text):.10f}".rstrip("0").rstrip(".") if "e" in text else text


def milliseconds(value: float | None) -> str:
    """A time in ms, in seconds from a second on."""
    if value is None:
        return NOT_CARRIED
    return f"{number(value / 1000)} s" if value >= 1000 else f"{number(value)} ms"


def seconds(value: float | None) -> str:
    """A time in seconds."""
    return NOT_CARRIED if value is None else f"{number(value)} s"


def percent(share: float | None) -> str:
    """A share as percent; never rounded up to 100."""
    if share is None:
        return NOT_CARRIED
    text = f"{share * 100:.2f}".rstrip("0").rstrip(".")
    return "> 99.99 %" if text == "100" and share < 1 else f"{text} %"


def quantile_name(quantile: float) -> str:
    """p50, p99, p99.9."""
    return "p" + f"{quantile * 100:.3f}".rstrip("0").rstrip(".")


def plural(count: int, noun: str) -> str:
    """1 order, 2 orders, 1,000 orders."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def listed(words: list[str]) -> str:
    """a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
