"""What people do: within their role and limits, once for each form, with their name and reason in the timeline."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.auth.person import Person
from app.console.acting import Order, _note
from app.payment_intents import service as payment_intents
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.console.conftest import SignedIn
from tests.console.test_pages import text_of
from tests.console.visitor import Visitor, form_in
from tests.database import Database

REFUNDS = "/v1/refunds"


@dataclass(frozen=True)
class Acting:
    """Somebody in front of one action of one payment."""

    visitor: Visitor
    path: str

    async def preview(self, **fields: str) -> httpx.Response:
        form = await self.visitor.form_at(self.path, self.path)
        return await self.visitor.post(self.path, form | {"reason": "requested_by_customer"} | fields)

    async def confirmed(self, **fields: str) -> dict[str, str]:
        """Return the form that confirms what was looked at."""
        answer = await self.preview(**fields)
        assert answer.status_code == 200, answer.text
        return form_in(answer.text, self.path)

    async def act(self, **fields: str) -> httpx.Response:
        return await self.send(await self.confirmed(**fields))

    async def send(self, form: dict[str, str]) -> httpx.Response:
        return await self.visitor.post(self.path, form)


async def paid(cart: Cart, number: int = 1, **terms: Any) -> str:
    """Have a cart of ten euros paid; return our id of the PaymentIntent."""
    other = cart.another(f"/v1/carts/paid-{number}")
    made = await other.owe(**terms)
    await other.pay()
    return str(made["id"])


def at(payment: str, action: str) -> str:
    return f"/console/payments/{payment}/{action}"


async def ordered(database: Database) -> list[tuple[str, str]]:
    return [(event["actor"], event["data"]["action"]) for event in await database.domain_events("action.requested")]


async def test_a_refunder_sees_what_stripe_is_asked_and_refunds_with_their_name(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    payment, visitor = await paid(cart), await signed_in("refunder")
    acting = Acting(visitor, at(payment, "refund"))
    shown = text_of((await acting.preview(amount="4,50", note="Called on <b>Friday</b>")).text)
    assert "EUR 4.50 of EUR 10.00 will be sent back to visa 4242" in shown
    assert "create a refund" in shown
    assert await sandbox.count("refunds") == 0, "nothing is done yet"

    answer = await acting.act(amount="4,50", note="Called on <b>Friday</b>")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/payments/{payment}")
    [refund] = await sandbox.objects("refunds")
    assert (refund["amount"], refund["reason"]) == (450, "requested_by_customer")
    story = text_of(await visitor.page(f"/console/payments/{payment}"))
    assert "ordered a refund of EUR 4.50. Reason: requested by customer." in story
    assert "Called on <b>Friday</b>" in story
    assert "by grace" in story
    events = await database.domain_events()
    told = {event["type"]: event["actor"] for event in events}
    assert (told["action.requested"], told["refund.requested"]) == ("person:grace", "person:grace")
    assert not [event for event in events if "Friday" in str(event["data"])], "nobody's words are in a domain event"


async def test_above_the_limit_of_one_refund_nothing_is_done(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    payment = await paid(cart)
    answer = await Acting(await signed_in("refunder"), at(payment, "refund")).act(amount="5.01")
    assert (answer.status_code, "refund_limit_exceeded" in answer.text) == (409, True)
    assert await sandbox.count("refunds") == 0
    assert await ordered(database) == []
    assert await database.column("SELECT id FROM console_actions") == []


async def test_the_limit_of_a_day_holds_for_refunds_sent_at_once(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    payments = [await paid(cart, number) for number in range(5)]
    visitors = [await signed_in("refunder") for _ in payments]  # five browsers of one person
    actings = [Acting(visitor, at(each, "refund")) for visitor, each in zip(visitors, payments, strict=True)]
    forms = [await acting.confirmed(amount="5") for acting in actings]
    answers = await asyncio.gather(*(acting.send(form) for acting, form in zip(actings, forms, strict=True)))
    assert sorted(answer.status_code for answer in answers) == [303, 303, 409, 409, 409]
    assert sum(each["amount"] for each in await sandbox.objects("refunds")) == 1000
    assert len(await ordered(database)) == 2
    assert await database.column("SELECT amount FROM console_refund_totals") == [1000]
    left = text_of(await visitors[0].page(actings[answers.index(answers[-1])].path))
    assert "EUR 2.00 more today" in left
    other = Acting(await signed_in("refunder", name="ada"), at(payments[4], "refund"))
    assert (await other.act(amount="2")).status_code == 303, "a limit is each person's own"


async def test_an_operator_has_no_limit_and_a_currency_without_one_is_not_a_refunders(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient
) -> None:
    pounds = await paid(cart, currency="gbp")
    assert (await Acting(await signed_in("refunder"), at(pounds, "refund")).act(amount="0.01")).status_code == 409
    assert (await Acting(await signed_in("operator"), at(pounds, "refund")).act(amount="10")).status_code == 303
    [refund] = await sandbox.objects("refunds")
    assert refund["amount"] == 1000


async def test_a_form_sent_twice_at_once_refunds_once(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    acting = Acting(await signed_in("refunder"), at(await paid(cart), "refund"))
    form = await acting.confirmed(amount="3")
    answers = await asyncio.gather(*(acting.send(form) for _ in range(4)))
    answers.append(await acting.send(form))
    assert [answer.status_code for answer in answers] == [303] * 5
    assert await sandbox.count("refunds") == 1
    assert len(await ordered(database)) == 1
    assert await database.column("SELECT amount FROM console_refund_totals") == [300]


async def test_the_key_of_a_form_does_nothing_else(cart: Cart, signed_in: SignedIn, sandbox: SandboxClient) -> None:
    payment, visitor = await paid(cart), await signed_in("operator")
    acting = Acting(visitor, at(payment, "refund"))
    form = await acting.confirmed(amount="3")
    assert (await acting.send(form)).status_code == 303
    for change in ({"amount": "4"}, {"reason": "duplicate"}, {"note": "more"}):
        answer = await acting.send(form | change)
        assert (answer.status_code, "action_changed" in answer.text) == (409, True)
    other = Acting(visitor, at(await paid(cart, 2), "refund"))
    for wrong in ({"key": str(uuid4())}, {"token": ""}, {"token": "0" * 64}):
        assert (await acting.send(form | wrong)).status_code == 403
    assert (await other.send(form)).status_code == 403, "a token is for one address"
    assert (await visitor.post(at(payment, "ask_stripe"), form)).status_code == 403
    stranger = await signed_in("operator", name="mallory")
    assert (await stranger.post(acting.path, form)).status_code == 403
    assert await sandbox.count("refunds") == 1


async def test_after_an_unknown_outcome_the_same_form_finds_the_same_refund(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    acting = Acting(await signed_in("refunder"), at(await paid(cart), "refund"))
    form = await acting.confirmed(amount="5")
    await sandbox.lose_next_answer(path=REFUNDS, count=3)
    first = await acting.send(form)
    again = await acting.send(form)
    assert (first.status_code, again.status_code) == (303, 303)
    assert await sandbox.count("refunds") == 1
    assert await database.column("SELECT amount FROM console_refund_totals") == [500]


async def test_an_order_that_a_crash_cut_off_is_carried_out_by_its_own_form(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database, resources: Resources
) -> None:
    """The order is noted, and the process ends before it calls anybody."""
    made = await paid(cart)
    acting = Acting(await signed_in("refunder"), at(made, "refund"))
    form = await acting.confirmed(amount="5")
    payment = await payment_intents.find_payment_intent(resources, made)
    order = Order(UUID(form["key"]), "refund", "requested_by_customer", amount=500)
    await _note(resources, Person("sub-grace", "grace", "refunder"), payment, order)
    assert await sandbox.count("refunds") == 0
    assert (await acting.send(form)).status_code == 303
    assert await sandbox.count("refunds") == 1
    assert len(await ordered(database)) == 1
    assert await database.column("SELECT amount FROM console_refund_totals") == [500]


async def test_what_stripe_refuses_does_not_count_and_its_form_is_over(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    acting = Acting(await signed_in("refunder"), at(await paid(cart), "refund"))
    form = await acting.confirmed(amount="5")
    await sandbox.fail_next(400, code="charge_not_refundable", path=REFUNDS)
    refused = await acting.send(form)
    assert (refused.status_code, "stripe_refused" in refused.text) == (422, True)
    assert await database.column("SELECT amount FROM console_refund_totals") == [0]
    again = await acting.send(form)
    assert (again.status_code, "action_failed" in again.text) == (409, True)
    story = text_of(await acting.visitor.page(acting.path.removesuffix("/refund")))
    assert "It was not done: stripe refused." in story
    assert await sandbox.count("refunds") == 0
    assert [(await acting.act(amount="5")).status_code for _ in range(2)] == [303, 303], "a new form, within the limit"


async def test_an_operator_cancels_captures_and_asks_stripe(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    visitor = await signed_in("operator", name="ada")
    open_one = (await cart.owe())["id"]
    assert (await Acting(visitor, at(open_one, "cancel")).act(reason="wrong_amount")).status_code == 303
    assert (await cart.at_stripe())["status"] == "canceled"
    held = cart.another("/v1/carts/held")
    made = await held.owe(capture_method="manual")
    await held.pay()
    assert (await Acting(visitor, at(made["id"], "ask_stripe")).act(reason="other", note="It hangs")).status_code == 303
    capture = Acting(visitor, at(made["id"], "capture"))
    assert "EUR 6.00 of EUR 10.00 will be taken" in text_of((await capture.preview(amount="6")).text)
    assert (await capture.act(amount="6", reason="agreed")).status_code == 303
    assert (await held.state())["amount_received"] == 600
    assert await ordered(database) == [("person:ada", action) for action in ("cancel", "ask_stripe", "capture")]
    [canceled] = await database.domain_events("payment.canceled")
    assert canceled["data"]["canceled_by"] == "person:ada", "whether Stripe's answer or its webhook told of it"
    timeline = (await cart.api.get("/v1/carts/held/timeline")).json()["data"]
    assert {"kind": "person", "name": "ada"} in [entry["actor"] for entry in timeline]


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("refund", {"refunder", "operator"}),
        ("cancel", {"operator"}),
        ("capture", {"operator"}),
        ("ask_stripe", {"operator"}),
    ],
)
async def test_each_action_is_for_its_roles_alone(
    action: str, allowed: set[str], cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    payment = await paid(cart)
    await sandbox.clear_requests()
    for role in ("support", "refunder"):
        visitor = await signed_in(role)
        expected = 200 if role in allowed else 403
        assert (await visitor.get(at(payment, action))).status_code == expected
        if role not in allowed:
            answer = await visitor.post(at(payment, action), {"confirm": "yes", "reason": "agreed", "amount": "1"})
            assert answer.status_code == 403
            assert at(payment, action) not in await visitor.page(f"/console/payments/{payment}")
    assert await sandbox.requests() == []
    assert await ordered(database) == []


WRONG: dict[str, dict[str, str]] = {
    "no amount": {"amount": ""},
    "zero": {"amount": "0"},
    "negative": {"amount": "-1"},
    "too many decimals": {"amount": "1.001"},
    "two amounts": {"amount": "1 2"},
    "thousands": {"amount": "1.000.000"},
    "exponent": {"amount": "1e2"},
    "other digits": {"amount": "٣"},
    "huge": {"amount": "99999999999999"},
    "no reason": {"reason": ""},
    "another reason": {"reason": "because"},
    "other without words": {"reason": "other", "note": "  "},
    "long words": {"note": "x" * 501},
    "no key": {"key": ""},
}


async def test_a_form_that_is_filled_in_wrong_changes_nothing(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient, database: Database
) -> None:
    acting = Acting(await signed_in("operator"), at(await paid(cart), "refund"))
    form = await acting.confirmed(amount="1")
    for name, wrong in WRONG.items():
        answer = await acting.send(form | wrong)
        assert answer.status_code in {400, 403}, name
    assert await sandbox.count("refunds") == 0
    assert await ordered(database) == []


async def test_more_than_is_left_is_refused_by_the_service_itself(
    cart: Cart, signed_in: SignedIn, sandbox: SandboxClient
) -> None:
    payment = await paid(cart)
    visitor = await signed_in("operator")
    forms = [await Acting(visitor, at(payment, "refund")).confirmed(amount="7") for _ in range(3)]
    answers = await asyncio.gather(*(visitor.post(at(payment, "refund"), form) for form in forms))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    assert [each["amount"] for each in await sandbox.objects("refunds")] == [700]
