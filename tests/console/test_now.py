"""The charts show what was counted, and the page costs the same however many payments there are."""

import statistics
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.console.charts import columns, counts, number, shares
from app.figures import counting
from app.resources import Resources
from tests.cart import DECLINED, Cart
from tests.console.conftest import SignedIn
from tests.console.test_pages import text_of
from tests.database import Database

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


async def test_the_charts_show_what_happened(cart: Cart, signed_in: SignedIn, resources: Resources) -> None:
    visitor = await signed_in()
    empty = text_of(await visitor.page("/console/now"))
    assert "Nothing was paid or canceled." in empty
    assert "Nobody tried to pay." in empty
    assert "Nothing is counted yet" in empty
    await cart.owe()
    await cart.pay(DECLINED)
    await cart.pay()
    await counting.count(resources)
    for span in ("day", "month"):
        page = await visitor.page(f"/console/now?span={span}")
        assert 'aria-label="Payments: paid 1, canceled 0, abandoned 0."' in page
        assert "50% of 2" in text_of(page)
        assert "generic decline" in text_of(page)
        assert "The bank declined the card and gave no reason." in page


@pytest.mark.parametrize("span", ["", "year", "day%00"])
async def test_another_span_is_refused(span: str, signed_in: SignedIn) -> None:
    assert (await (await signed_in()).get(f"/console/now?span={span}")).status_code == 422


async def test_a_month_of_many_kinds_of_numbers_is_quick(signed_in: SignedIn, database: Database) -> None:
    """The page reads these rows alone: 720 hours of 60 kinds are more than any shop has."""
    await database.execute(
        "INSERT INTO hourly_figures SELECT date_trunc('hour', now()) - h * interval '1 hour',"
        " (ARRAY['payments', 'attempts', 'declines', 'stripe_calls'])[1 + k % 4], 'kind ' || k, 1000, 10"
        " FROM generate_series(0, 719) AS h, generate_series(1, 60) AS k"
    )
    visitor = await signed_in()
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        await visitor.page("/console/now?span=month")
        taken.append(time.perf_counter() - began)
    assert statistics.median(taken) < 0.3


def test_a_column_is_as_high_as_its_value() -> None:
    times = [NOON, NOON + timedelta(hours=1)]
    chart = columns(
        "Payments",
        times,
        {("paid", "kept"): {times[0]: 3, times[1]: 1}, ("canceled", "refunded"): {times[1]: 3}},
        unit="",
        is_daily=False,
    )
    assert [(bar.height, bar.tone) for bar in chart.bars] == [(120, "kept"), (40, "kept"), (120, "refunded")]
    assert all(bar.y + bar.height <= 160 for bar in chart.bars)
    assert chart.summary == "Payments: paid 4, canceled 3."
    assert (chart.first, chart.last, chart.top) == ("12:00", "13:00", "4")


def test_a_chart_of_nothing_is_empty() -> None:
    chart = columns("Payments", [NOON], {("paid", "kept"): {}}, unit="s", is_daily=True)
    assert (chart.is_empty, chart.bars, chart.summary) == (True, [], "Payments: nothing.")


def test_shares_and_counts_are_beside_a_whole() -> None:
    assert [(each.label, each.text, each.percent) for each in shares({"a": (1, 4), "b": (9, 10), "c": (0, 0)})] == [
        ("b", "90% of 10", 90.0),
        ("a", "25% of 4", 25.0),
    ]
    assert [(each.label, each.percent) for each in counts({"a": 1, "b": 4, "c": 2}, limit=2)] == [("b", 100), ("c", 50)]
    assert [number(value) for value in (0, 7, 0.4234, 1204, 123.4)] == ["0", "7", "0.42", "1,204", "123"]
