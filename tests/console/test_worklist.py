"""The worklist has what a person should look at, and empties when they have."""

from datetime import timedelta
from typing import Any

import pytest

from app.console import worklist
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.console.conftest import SignedIn
from tests.console.test_acting import Acting, at
from tests.console.test_pages import text_of
from tests.database import Database

EMPTY = "Nothing is waiting for a person."


async def sold(cart: Cart, card: str = "pm_card_visa", **terms: Any) -> str:
    made = await cart.owe(**terms)
    await cart.pay(card)
    return str(made["id"])


async def test_nothing_to_look_at_is_the_normal_state(cart: Cart, signed_in: SignedIn) -> None:
    await sold(cart)
    await cart.another("/v1/carts/c2").owe()
    assert EMPTY in text_of(await (await signed_in()).page("/console/worklist"))


async def test_a_dispute_stands_there_with_its_last_day_until_it_is_answered(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient
) -> None:
    payment, visitor = await sold(cart, "pm_card_createDispute"), await signed_in()
    page = await visitor.page("/console/worklist")
    assert f"/console/payments/{payment}" in page
    assert "wants EUR 10.00 back: fraudulent." in text_of(page)
    assert "Answer by" in text_of(page)
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_submit_evidence(dispute["id"], "winning_evidence")
    await sandbox.wait_idle()
    assert EMPTY in text_of(await visitor.page("/console/worklist"))


async def test_a_failed_refund_says_that_the_customer_is_not_repaid_until_they_are(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    payment, visitor = await sold(cart, "pm_card_refundFail"), await signed_in("operator")
    await Acting(visitor, at(payment, "refund")).act(amount="10")
    await sandbox.advance(60)
    await sandbox.wait_idle()
    assert await database.column("SELECT status FROM refunds") == ["failed"]
    shown = text_of(await visitor.page("/console/worklist"))
    assert "Customer not repaid" in shown
    assert "A refund of EUR 10.00 failed" in shown
    assert (await Acting(visitor, at(payment, "mark_seen")).act(reason="agreed")).status_code == 303
    assert EMPTY in text_of(await visitor.page("/console/worklist"))


@pytest.mark.parametrize(
    ("flag", "title"),
    [
        ("amount_mismatch", "Another amount was paid"),
        ("duplicate_payment", "Paid twice"),
        ("paid_after_close", "Paid after it was over"),
        ("fraud_warning", "Fraud suspected"),
    ],
)
async def test_a_flagged_payment_stays_until_somebody_has_looked_or_it_is_refunded(
    flag: str, title: str, cart: Cart, signed_in: SignedIn, database: Database
) -> None:
    payment, visitor = await sold(cart), await signed_in("refunder")
    await database.execute("UPDATE payment_intents SET flags = jsonb_build_array($1::text)", flag)
    page = await visitor.page("/console/worklist")
    assert title in text_of(page)
    assert at(payment, "refund") in page
    assert (await Acting(visitor, at(payment, "mark_seen")).act(reason="agreed")).status_code == 303
    assert EMPTY in text_of(await visitor.page("/console/worklist"))
    assert "looked at it and found nothing more to do" in text_of(await visitor.page(f"/console/payments/{payment}"))
    await database.execute("UPDATE console_actions SET created_at = created_at - interval '1 day'")
    await database.execute("UPDATE domain_events SET type = 'payment.flagged' WHERE type = 'payment.succeeded'")
    assert title in text_of(await visitor.page("/console/worklist")), "something new has happened"


async def test_a_refused_price_and_what_no_worker_looks_at_stand_there(
    cart: Cart, signed_in: SignedIn, database: Database
) -> None:
    await cart.owe()
    visitor = await signed_in()
    await database.execute("UPDATE payment_intents SET refused_revision = 1")
    assert "Price refused" in text_of(await visitor.page("/console/worklist"))
    await database.execute("UPDATE payment_intents SET refused_revision = NULL")
    await database.execute("UPDATE payment_intents SET due_at = now() - $1::interval", timedelta(minutes=16))
    shown = text_of(await visitor.page("/console/worklist"))
    assert "Nobody looked at it" in shown
    assert "Price refused" not in shown


async def test_events_that_had_to_be_fetched_say_that_webhooks_do_not_arrive(
    signed_in: SignedIn, database: Database
) -> None:
    visitor = await signed_in()
    await database.execute("INSERT INTO hourly_figures VALUES (date_trunc('hour', now()), 'repairs', 'event', 7, 0)")
    shown = text_of(await visitor.page("/console/worklist"))
    assert "Webhooks do not arrive" in shown
    assert "7 events of Stripe's had to be fetched" in shown
    await database.execute("UPDATE hourly_figures SET hour = hour - interval '4 hours'")
    assert EMPTY in text_of(await visitor.page("/console/worklist"))


async def test_each_query_of_the_worklist_reads_an_index_of_few_rows(cart: Cart, database: Database) -> None:
    """No plan reads a whole table, however small the tables are here."""
    await cart.owe()
    for name in (
        "_SILENCE",
        "_FLAGGED",
        "_FAILED_REFUNDS",
        "_DISPUTES",
        "_REFUSED_PRICES",
        "_LATE",
        "_UNKNOWN_REFUNDS",
    ):
        sql = getattr(worklist, name).replace("$1::interval", "interval '1 minute'")
        plan = "\n".join(await database.plan_without_seqscan(sql))
        assert "Seq Scan" not in plan, plan
