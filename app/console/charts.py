"""Charts as drawings: where each bar stands, in the drawing's own units. The page draws them as SVG."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

WIDTH, HEIGHT = 720, 160
GAP = 0.25  # of a bar's place


class Bar(NamedTuple):
    """A piece of a column, from its top left corner."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


class Series(NamedTuple):
    """One kind of value, with one for each moment."""

    label: str
    tone: str
    values: Sequence[float]

    @property
    def sum(self) -> float:
        return sum(self.values)


class Chart(NamedTuple):
    """A chart of columns; `summary` says in words what it shows, for those who do not see it."""

    bars: list[Bar]
    series: list[Series]
    top: str
    first: str
    last: str
    summary: str
    is_empty: bool


class Share(NamedTuple):
    """A row of a list whose bar is a part of a whole; in percent, or as a count beside the largest."""

    label: str
    text: str
    percent: float


def moments(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    count = int((until - since) / step) + 1
    return [since + number * step for number in range(count)]


def columns(
    name: str,
    times: Sequence[datetime],
    values: Mapping[tuple[str, str], Mapping[datetime, float]],
    *,
    unit: str,
    is_daily: bool,
) -> Chart:
    """Return a chart with a column for each moment, the kinds on top of each other.

    `values` are by the kind's label and its tone, the name of a colour in the style sheet.
    """
    series = [Series(label, tone, [of.get(at, 0) for at in times]) for (label, tone), of in values.items()]
    sums = [sum(each.values[place] for each in series) for place in range(len(times))]
    highest = max(sums, default=0)
    bars = [bar for place in range(len(times)) for bar in _column(place, times, series, highest, unit, is_daily)]
    written = ", ".join(f"{each.label} {number(each.sum)} {unit}".strip() for each in series)
    return Chart(
        bars=bars,
        series=series,
        top=f"{number(highest)} {unit}".strip(),
        first=label_of(times[0], is_daily=is_daily),
        last=label_of(times[-1], is_daily=is_daily),
        summary=f"{name}: {written}." if highest else f"{name}: nothing.",
        is_empty=highest == 0,
    )


def _column(
    place: int, times: Sequence[datetime], series: Sequence[Series], highest: float, unit: str, is_daily: bool
) -> list[Bar]:
    if not highest:
        return []
    slot = WIDTH / len(times)
    bars, bottom = list[Bar](), float(HEIGHT)
    for each in series:
        value = each.values[place]
        if not value:
            continue
        height = max(1.5, value / highest * HEIGHT)
        when = label_of(times[place], is_daily=is_daily)
        title = f"{when}: {each.label} {number(value)} {unit}".strip()
        bars.append(
            Bar(
                round(place * slot, 2),
                round(bottom - height, 2),
                round(slot * (1 - GAP), 2),
                round(height, 2),
                each.tone,
                title,
            )
        )
        bottom -= height
    return bars


def label_of(at: datetime, *, is_daily: bool) -> str:
    return f"{at.day} {at:%b}" if is_daily else f"{at:%H:%M}"


def number(value: float) -> str:
    """Return a number as a person reads it: 1,204 or 0.42."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.2f}"  # noqa: PLR2004 - three digits are enough


def shares(parts: Mapping[str, tuple[float, float]]) -> list[Share]:
    """Return how much of each whole its part is, the largest whole first."""
    ordered = sorted(parts.items(), key=lambda item: -item[1][1])
    return [
        Share(label, f"{part / whole:.0%} of {number(whole)}", round(part / whole * 100, 1))
        for label, (part, whole) in ordered
        if whole
    ]


def counts(values: Mapping[str, float], *, limit: int) -> list[Share]:
    """Return the largest of some counts, each beside the largest."""
    ordered = sorted(values.items(), key=lambda item: -item[1])[:limit]
    highest = max((value for _, value in ordered), default=1) or 1
    return [Share(label, number(value), round(value / highest * 100, 1)) for label, value in ordered]
