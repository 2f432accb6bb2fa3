"""How things stand: charts of the last day and of the last 30, drawn from the numbers of each hour."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.attempts.explanations import explain
from app.console.access import Support
from app.console.charts import Chart, columns, counts, moments, shares
from app.console.pages import render, words
from app.console.route import ConsoleRoute
from app.figures import repository as figures
from app.figures.repository import Figure
from app.resources import ResourcesDependency

router = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)

MOST_REASONS = 8
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

PAYMENT_TONES = {"paid": "kept", "canceled": "refunded", "abandoned": "owed"}
ERROR_TONES = {"unavailable": "lost", "refused": "disputed"}

Found = Mapping[str, Sequence[Figure]]


@router.get("/now")
async def show_now(
    request: Request,
    session: Support,
    resources: ResourcesDependency,
    span: Annotated[Literal["day", "month"], Query()] = "day",
) -> Response:
    """Show the last day by the hour, or the last 30 days by the day."""
    is_daily = span == "month"
    step = DAY if is_daily else HOUR
    now = datetime.now(UTC)
    until = now.replace(minute=0, second=0, microsecond=0, hour=0 if is_daily else now.hour)
    times = moments(until - (29 if is_daily else 23) * step, until, step)
    found = await figures.read(resources.database, times[0], "day" if is_daily else "hour")
    context = _charts(found, times, is_daily=is_daily) | {"span": span}
    return render(request, "now.html", context, session=session)


def _charts(found: Found, times: Sequence[datetime], *, is_daily: bool) -> dict[str, Any]:
    def chart(name: str, values: Mapping[tuple[str, str], Mapping[datetime, float]], unit: str = "") -> Chart:
        return columns(name, times, values, unit=unit, is_daily=is_daily)

    calls = found.get("stripe_calls", ())
    return {
        "payments": chart("Payments", _by_label(found.get("payments", ()), PAYMENT_TONES)),
        "latency": chart("Stripe's time for a call", {("on average", "held"): _means(calls)}, "s"),
        "errors": chart("Calls that Stripe did not take", _by_label(calls, ERROR_TONES)),
        "delay": chart("Webhooks' delay", {("on average", "held"): _means(found.get("webhooks", ()))}, "s"),
        "lag": chart("The feed's lag", {("on average", "held"): _means(found.get("feed", ()))}, "s"),
        "repairs": chart("Repairs", {("repaired", "disputed"): _counts(found.get("repairs", ()))}),
        "brands": shares(_success_by_brand(found.get("attempts", ()))),
        "reasons": [(share, explain(None, code) or "") for code, share in _reasons(found.get("declines", ()))],
        "counted_at": max((each.at for each in found.get("counted", ())), default=None),
    }


def _by_label(rows: Sequence[Figure], tones: Mapping[str, str]) -> dict[tuple[str, str], dict[datetime, float]]:
    return {(label, tone): {row.at: row.count for row in rows if row.label == label} for label, tone in tones.items()}


def _counts(rows: Sequence[Figure]) -> dict[datetime, float]:
    counted: defaultdict[datetime, float] = defaultdict(float)
    for row in rows:
        counted[row.at] += row.count
    return counted


def _means(rows: Sequence[Figure]) -> dict[datetime, float]:
    """Return how long one took on average, of all kinds together."""
    totals: defaultdict[datetime, float] = defaultdict(float)
    for row in rows:
        totals[row.at] += row.total
    return {at: totals[at] / count for at, count in _counts(rows).items() if count}


def _success_by_brand(rows: Sequence[Figure]) -> dict[str, tuple[float, float]]:
    succeeded: defaultdict[str, float] = defaultdict(float)
    tried: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        brand, _, status = row.label.partition("|")
        tried[words(brand)] += row.count
        succeeded[words(brand)] += row.count if status == "succeeded" else 0
    return {brand: (succeeded[brand], count) for brand, count in tried.items()}


def _reasons(rows: Sequence[Figure]) -> list[tuple[str, Any]]:
    totals: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        totals[row.label] += row.count
    listed = counts(totals, limit=MOST_REASONS)
    return [(share.label, share._replace(label=words(share.label))) for share in listed]
