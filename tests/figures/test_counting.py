"""The numbers of an hour are what happened in it, however often they are counted."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from app.figures import counting, repository
from app.figures.writing import FigureWriter
from app.observability.metrics import REPAIRS, STRIPE_CALLS
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import DECLINED, Cart
from tests.database import Database

HOUR = timedelta(hours=1)


async def numbers(resources: Resources) -> dict[tuple[str, str], int]:
    found = await repository.read(resources.database, datetime.now(UTC) - 2 * HOUR, "hour")
    counted: Counter[tuple[str, str]] = Counter()
    for name in found.keys() - {"counted", "feed"}:
        for row in found[name]:
            counted[(name, row.label)] += row.count
    return counted


async def test_payments_attempts_reasons_and_webhooks_are_counted(
    cart: Cart, resources: Resources, database: Database
) -> None:
    await cart.owe()
    await cart.pay(DECLINED)
    await cart.pay()
    other = cart.another("/v1/carts/c2")
    await other.owe()
    await other.cancel()
    await cart.sandbox.wait_idle()  # no webhook comes after the count
    await counting.count(resources)
    counted = await numbers(resources)
    assert counted[("payments", "paid")] == 1
    assert counted[("payments", "canceled")] == 1
    assert counted[("attempts", "visa|succeeded")] == 1
    assert counted[("attempts", "visa|failed")] == 1
    assert counted[("declines", "generic_decline")] == 1
    assert counted[("webhooks", "delay")] == await database.value("SELECT count(*) FROM webhook_events")


async def test_counting_again_or_at_once_changes_nothing(cart: Cart, resources: Resources) -> None:
    await cart.owe()
    await cart.pay()
    await counting.count(resources)
    first = await numbers(resources)
    await asyncio.gather(*(counting.count(resources) for _ in range(3)))
    assert await numbers(resources) == first
    await cart.another("/v1/carts/c2").owe()
    await cart.another("/v1/carts/c2").pay()
    await counting.count(resources)
    assert (await numbers(resources))[("payments", "paid")] == 2


async def test_the_first_run_goes_back_a_month_in_steps(resources: Resources, database: Database) -> None:
    runs = 0
    while await counting.count(resources) > 2:
        runs += 1
        assert runs < 20, "it never catches up"
    hours = await database.value("SELECT count(*) FROM hourly_figures WHERE name = 'counted'")
    assert hours - (31 * 24 + 1) in {0, 1}, "the clock may have struck meanwhile"
    assert await counting.count(resources) == 2, "then the present hour and the one before"


async def test_what_a_process_alone_knows_is_added(
    resources: Resources, sandbox: SandboxClient, cart: Cart, database: Database
) -> None:
    writer = FigureWriter(resources.database)
    STRIPE_CALLS.labels("ok").observe(0.5)
    REPAIRS.labels("attempt").inc(0)
    await writer.write()
    await writer.write()
    STRIPE_CALLS.labels("ok").observe(0.25)
    REPAIRS.labels("attempt").inc(3)
    await writer.write()
    [row] = await database.fetch("SELECT * FROM hourly_figures WHERE name = 'stripe_calls'")
    assert (row["label"], row["count"], row["total"]) == ("ok", 2, 0.75)
    [row] = await database.fetch("SELECT * FROM hourly_figures WHERE name = 'repairs'")
    assert (row["label"], row["count"]) == ("attempt", 3)


async def test_how_stripe_answers_is_measured(cart: Cart, sandbox: SandboxClient, resources: Resources) -> None:
    def measured(outcome: str) -> float:
        [metric] = STRIPE_CALLS.collect()
        wanted = {"outcome": outcome}
        return next((s.value for s in metric.samples if s.name.endswith("_count") and s.labels == wanted), 0)

    ok, refused, unavailable = (measured(outcome) for outcome in ("ok", "refused", "unavailable"))
    await cart.owe()
    await sandbox.fail_next(402, code="card_declined", path="/v1/payment_intents")
    await cart.another("/v1/carts/c2").put()
    await sandbox.drop_next(path="/v1/payment_intents", count=5)
    await cart.another("/v1/carts/c3").put()
    assert measured("ok") > ok
    assert measured("refused") > refused
    assert measured("unavailable") > unavailable


async def test_old_numbers_are_deleted(resources: Resources, database: Database) -> None:
    await counting.count(resources)
    await database.execute(
        "UPDATE hourly_figures SET hour = hour - interval '401 days' WHERE hour < now() - interval '2 hours'"
    )
    assert await counting.purge_old(resources) > 0
    assert await database.value("SELECT min(hour) > now() - interval '32 days' FROM hourly_figures")
