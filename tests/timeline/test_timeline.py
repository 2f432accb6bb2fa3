"""The timeline tells the story of one cart, in words, and leaves nothing out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from app.domain_events.feed import event_id
from app.http.pagination import Cursor
from app.payment_intents import recovery
from app.payment_intents.protocol.events import FACTS, ClosedReason, Flag
from app.resources import Resources
from app.timeline.stories import CANCELED, FLAGS, STORIES, tell
from sandbox.client import SandboxClient
from tests.cart import CHALLENGED, DECLINED, Cart
from tests.conftest import Jobs, NewKey
from tests.database import LAST_ACTIVITY, Database

Json = dict[str, Any]


async def _timeline(cart: Cart, **query: Any) -> list[Json]:
    answer = await cart.api.get(f"{cart.path}/timeline", params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    rest = await _timeline(cart, **query | {"after": page["next_cursor"]}) if page["next_cursor"] else []
    return [*page["data"], *rest]


def test_every_type_of_event_is_told() -> None:
    assert STORIES.keys() == {fact.type for fact in FACTS}


@pytest.mark.parametrize("type_", STORIES)
def test_an_event_that_lacks_its_data_is_told_too(type_: str) -> None:
    headline, sentence = tell(type_, {})
    assert headline
    assert sentence.endswith(".")


@pytest.mark.parametrize(("told", "words"), [(CANCELED, ClosedReason), (FLAGS, Flag)], ids=["reasons", "flags"])
def test_every_reason_and_flag_has_words(told: dict[str, str], words: Any) -> None:
    assert set(words.__args__) <= told.keys()


async def test_every_event_of_a_cart_is_told_in_order(
    cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs, new_key: NewKey
) -> None:
    first = await cart.owe()
    await cart.pay(DECLINED)
    await cart.owe(amount=2000)
    await cart.pay(CHALLENGED)
    await cart.owe(amount=3000)
    await cart.pay("pm_card_createDispute")
    await sandbox.wait_idle()
    await jobs()
    told = await _timeline(cart)
    events = await database.domain_events()
    assert [entry["type"] for entry in told] == [event["type"] for event in events]
    assert [entry["headline"] for entry in told][:2] == ["Payment begun", "Attempt failed"]
    assert told[0] | {"at": ""} == {
        "event_id": event_id(events[0]["id"], events[0]["created_at"]),
        "at": "",
        "type": "payment.opened",
        "headline": "Payment begun",
        "sentence": "EUR 10.00 is owed; this is payment 1 of this cart or session.",
        "actor": {"kind": "service", "name": "shop"},
        "amount": 1000,
        "currency": "eur",
        "amount_display": "EUR 10.00",
        "payment_intent_id": first["id"],
        "stripe_event_id": None,
        "stripe_request_id": None,
        "ids": {},
    }
    failed = told[1]
    assert failed["sentence"].startswith("EUR 10.00 was not paid. The bank declined the card")
    assert failed["actor"] == {"kind": "stripe", "name": "stripe"}
    assert failed["stripe_event_id"].startswith("evt_")
    assert failed["ids"].keys() == {"attempt_id"}
    assert {entry["headline"] for entry in told} >= {"Paid", "Dispute opened", "Canceled", "Shopper must confirm"}


async def test_it_comes_in_pages(cart: Cart) -> None:
    await cart.owe()
    await cart.pay(DECLINED)
    await cart.pay()
    whole = await _timeline(cart)
    assert len(whole) > 3
    assert await _timeline(cart, limit=2) == whole


async def test_an_expired_cart_says_why(cart: Cart, resources: Resources, database: Database) -> None:
    await cart.owe()
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    [row] = await database.payment_intents()
    await recovery.recover(resources, row["id"])
    last = (await _timeline(cart))[-1]
    assert (last["headline"], last["actor"]) == ("Canceled", {"kind": "job", "name": "expire"})
    assert last["sentence"] == CANCELED["abandoned"]


async def test_a_cart_tells_what_happened_to_it_as_a_session(session: Cart) -> None:
    await session.owe()
    await session.pay(DECLINED)
    await session.attach_to("c9")
    cart = session.another("/v1/carts/c9")
    await cart.pay()
    told = [entry["type"] for entry in await _timeline(cart)]
    assert told[:3] == ["payment.opened", "attempt.failed", "payment.attached_to_cart"]
    assert told.count("payment.attached_to_cart") == 1
    assert "payment.succeeded" in told
    assert [entry["type"] for entry in await _timeline(session)] == told[:3]


async def test_nobody_has_no_timeline(cart: Cart) -> None:
    answer = await cart.api.get("/v1/carts/nobody/timeline")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")


async def test_a_cursor_of_another_list_is_refused(cart: Cart) -> None:
    await cart.owe()
    cursor = Cursor(datetime.now(UTC), uuid7()).encode()
    answer = await cart.api.get(f"{cart.path}/timeline", params={"after": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("status", "advice"),
    [("failed", "Repay them another way"), ("refused", "before you repay"), ("canceled", "was canceled")],
)
def test_only_a_refund_that_failed_is_to_be_repaid_in_another_way(status: str, advice: str) -> None:
    _, sentence = tell("refund.failed", {"status": status, "amount": 100, "currency": "eur"})
    assert advice in sentence
    assert ("another way" in sentence) is (status == "failed")
