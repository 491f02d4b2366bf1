"""The traffic of the story as arrival rates: a day, a holiday, a burst, in minutes.

A curve is a shape over one day, in 24 hourly weights; a scenario says how many requests
such a day has and into how many seconds it is pressed. Rates are scaled so that the
expected number of requests is exactly that: the shape is the story's, the count is the
scenario's. Pressing a day makes its rates higher than life's by the same factor, which
is what a short run on a small machine needs and is printed with the result.
"""

from itertools import pairwise

from bench.scenario.model import RatePoint

HOURS = 24
# Requests an hour relative to one another, from midnight on.
_NIGHT = (3, 2, 1, 1, 1, 2)
DAY = (*_NIGHT, 4, 8, 12, 14, 15, 15, 14, 13, 13, 14, 15, 17, 20, 24, 25, 20, 12, 6)
# The last day on which a present still arrives: the same night, then no let-up.
HOLIDAY = (*_NIGHT, 16, 40, 70, 90, *(100,) * 9, 90, 70, 40, 18, 8)
# A usual day in which somebody famous lights a candle at noon.
BURST = (*DAY[:12], 150, 60, *DAY[14:])
RAMP = tuple(range(1, HOURS + 1))
CONSTANT = (1,) * HOURS
CURVES = {
    "constant": CONSTANT,
    "ramp": RAMP,
    "day": DAY,
    "holiday": HOLIDAY,
    "burst": BURST,
}


def arrivals_of(
    curve: str, requests_per_day: float, day_s: float, requests_per_session: float
) -> tuple[RatePoint, ...]:
    """Sessions per second through one pressed day, as points with straight lines
    between them: an hour's weight holds at its middle, and midnight meets midnight."""
    weights = [float(weight) for weight in CURVES[curve]]
    hour_s = day_s / HOURS
    midnight = (weights[0] + weights[-1]) / 2
    shape = [
        (0.0, midnight),
        *(((hour + 0.5) * hour_s, weight) for hour, weight in enumerate(weights)),
        (day_s, midnight),
    ]
    sessions = requests_per_day / requests_per_session
    scale = sessions / area(shape)
    return tuple(RatePoint(at_s, weight * scale) for at_s, weight in shape)


def area(points: list[tuple[float, float]]) -> float:
    """The area under straight lines between points."""
    return sum(
        (right[0] - left[0]) * (left[1] + right[1]) / 2
        for left, right in pairwise(points)
    )
