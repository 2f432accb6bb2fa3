"""Payments under each setting of what is not known about Stripe, and of what the sandbox may allow."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin, get_type_hints

import httpx
import pytest

from app.payment_intents import recovery
from app.resources import Resources
from sandbox.client import SandboxClient
from sandbox.config import OPEN_STATUSES, Lenient, SandboxConfig, Unconfirmed
from tests.cart import CHALLENGED, DECLINED, Cart
from tests.checkout import Checkout
from tests.conftest import SECRET_KEY, WEBHOOK_SECRET, Jobs, NewKey
from tests.database import Database
from tests.sandbox.running import running
from tests.stripe_calls import customer

# Other values of the switches that have more than a few.
VALUES: dict[str, tuple[object, ...]] = {
    "in_use_error_type": ("invalid_request_error",),
    "unexpected_state_param": ("payment_intent",),
    "metadata_statuses": (OPEN_STATUSES, frozenset({"requires_payment_method", "requires_confirmation"})),
    "abandoned_after": (timedelta(hours=1),),
    "confirmation_limit": (2,),
    "webhook_timeout": (timedelta(seconds=5),),
    "empty_strings": (frozenset({"customer", "description", "statement_descriptor_suffix"}),),
}


def _settings() -> Iterator[tuple[str, SandboxConfig]]:
    yield "as it is", SandboxConfig()
    for default, name in ((Unconfirmed(), "unconfirmed"), (Lenient(), "lenient")):
        hints = get_type_hints(type(default))
        for field in fields(default):
            for value in _values(field.name, hints[field.name]):
                if value != getattr(default, field.name):
                    switch: dict[str, Any] = {field.name: value}
                    group: dict[str, Any] = {name: replace(default, **switch)}
                    yield f"{field.name}: {_said(value)}", SandboxConfig(**group)


def _values(name: str, hint: Any) -> tuple[object, ...]:
    """Return what a switch can be set to; one that is new and has many values must be given some above."""
    if hint is bool:
        return (True, False)
    return get_args(hint) if get_origin(hint) is Literal else VALUES[name]


def _said(value: object) -> str:
    return f"{len(value)} of them" if isinstance(value, frozenset) else str(value)


STRICTEST = SandboxConfig(
    unconfirmed=Unconfirmed(
        metadata_statuses=OPEN_STATUSES,
        amount_update_during_action="refuse",
        updates_during_action="none",
        same_customer_again="refuse",
        processing_cancel="refuse",
        closed_session_metadata="refuse",
        line_items_during_action="refuse",
    )
)
CONFIGS = {**dict(_settings()), "the strictest": STRICTEST}


# The others take minutes together, and all other tests are made with it as it is.
ALWAYS = {"the strictest"}
PARAMS = [
    pytest.param(config, id=name, marks=() if name in ALWAYS else pytest.mark.slow) for name, config in CONFIGS.items()
]


@pytest.fixture(params=PARAMS)
def sandbox_url(request: pytest.FixtureRequest, api_url: str) -> Iterator[str]:
    """Run a sandbox with this setting."""
    config: SandboxConfig = request.param
    config = replace(
        config,
        secret_key=SECRET_KEY,
        webhook_url=f"{api_url}/v1/stripe/webhook",
        webhook_secret=WEBHOOK_SECRET,
        webhook_backoff=(0.05, 0.1, 0.2, 1, 3600),
    )
    with running(config) as url:
        yield url


@dataclass(frozen=True)
class Shop:
    """A shop at one sandbox: each flow has a cart of its own."""

    sandbox: SandboxClient
    api: httpx.AsyncClient
    database: Database

    def cart(self, name: str, kind: str = "carts") -> Cart:
        return Cart(self.api, self.sandbox, self.database, f"/v1/{kind}/{name}")

    async def customer(self) -> str:
        return await customer(self.sandbox)

    async def live(self, name: str) -> list[str]:
        intents = await self.sandbox.objects("payment_intents")
        of_cart = [each for each in intents if each["metadata"]["reference_id"] == name]
        return [each["id"] for each in of_cart if each["status"] not in {"canceled", "succeeded"}]


async def _paid(cart: Cart, amount: int, payment_method: str = "pm_card_visa") -> None:
    assert (await cart.pay(payment_method)).status == "succeeded"
    state = (await cart.get(sync="true")).json()
    assert (state["status"], state["amount_received"], state["flags"]) == ("succeeded", amount, [])


async def update_pay_and_refund(shop: Shop) -> None:
    cart = shop.cart("update")
    await cart.owe(description="Chairs", receipt_email="a@b.example", metadata={"a": "b"}, cart_version=1)
    after = await cart.owe(amount=2000, cart_version=2)
    assert (after["amount"], after["receipt_email"], after["metadata"]) == (2000, None, {})
    await _paid(cart, 2000)
    refund = await shop.api.post(f"{cart.path}/refunds", json={"amount": 500}, headers={"Idempotency-Key": "r1"})
    assert (refund.status_code, refund.json()["status"]) == (201, "succeeded")
    await shop.sandbox.wait_idle()
    assert (await cart.state())["amount_refunded"] == 500


async def change_the_customer(shop: Shop) -> None:
    cart, guest, ada = shop.cart("customer"), await shop.customer(), await shop.customer()
    await cart.owe()
    first = await cart.owe(customer=guest, description="Chairs")
    assert (await cart.owe(customer=guest, description="Chairs", amount=1500))["generation"] == 1
    left_out = await cart.owe(amount=2000)
    assert (left_out["generation"], left_out["customer"], left_out["description"]) == (1, guest, "Chairs")
    changed = await cart.put(customer=ada, amount=2499)
    assert (changed.status_code, changed.json()["generation"], changed.json()["customer"]) == (201, 2, ada)
    assert first["stripe_id"] not in await shop.live("customer")
    await _paid(cart, 2499)


async def move_a_session(shop: Shop) -> None:
    session = shop.cart("moved", "sessions")
    created = await session.owe(cart_version=9)
    assert (await session.attach_to("moved-cart")).status_code == 200
    cart = session.another("/v1/carts/moved-cart")
    after = await cart.owe(amount=2000, cart_version=1)
    assert (after["stripe_id"], after["amount"]) == (created["stripe_id"], 2000)
    assert await shop.live("moved-cart") == [created["stripe_id"]]
    await _paid(cart, 2000)


async def decline_and_pay(shop: Shop) -> None:
    cart = shop.cart("declined")
    await cart.owe()
    assert (await cart.pay(DECLINED)).error is not None
    await _paid(cart, 1000)


async def change_during_3ds(shop: Shop) -> None:
    cart = shop.cart("3ds")
    await cart.owe()
    await cart.pay(CHALLENGED)
    noted = await cart.put(metadata={"a": "b"})
    assert (noted.status_code, noted.json()["code"] if noted.is_error else None) in {
        (200, None),
        (422, "stripe_refused"),
    }
    state = (await cart.get(sync="true")).json()
    assert (state["is_synced"], state["metadata"]) == (True, {"a": "b"} if noted.is_success else {})
    changed = await cart.put(amount=2000)
    assert (changed.status_code, changed.json()["generation"]) == (201, 2)
    assert len(await shop.live("3ds")) == 1
    await cart.pay(CHALLENGED)
    await shop.sandbox.authenticate((await cart.state())["stripe_id"])
    late = await cart.put(amount=3000)
    assert (late.status_code, late.json()["code"]) == (409, "already_paid")
    await shop.sandbox.wait_idle()
    state = await cart.state()
    assert (state["status"], state["requested_amount"], state["flags"]) == ("succeeded", 2000, [])


async def move_during_3ds(shop: Shop) -> None:
    session = shop.cart("s3ds", "sessions")
    await session.owe()
    await session.pay(CHALLENGED)
    assert (await session.attach_to("c3ds")).status_code == 200
    cart = session.another("/v1/carts/c3ds")
    assert (await cart.get(sync="true")).is_success
    await shop.sandbox.authenticate((await cart.state())["stripe_id"])
    await shop.sandbox.wait_idle()
    assert (await cart.state())["status"] == "succeeded"


async def fail_3ds_and_pay(shop: Shop) -> None:
    cart = shop.cart("failed-3ds")
    await cart.owe()
    await cart.pay(CHALLENGED)
    await shop.sandbox.authenticate((await cart.state())["stripe_id"], "fail")
    await shop.sandbox.wait_idle()
    assert (await cart.get(sync="true")).json()["status"] == "requires_payment_method"
    await cart.owe(amount=1100)
    await _paid(cart, 1100)


async def hold_and_capture(shop: Shop) -> None:
    for name, amount in (("captured", 600), ("released", None)):
        cart = shop.cart(name)
        await cart.owe(capture_method="manual")
        await cart.pay()
        other = await cart.put(capture_method="manual", amount=2000)
        assert other.json()["code"] == "payment_in_progress"
        ended = await (cart.capture(amount=amount) if amount else cart.cancel())
        assert (ended.status_code, ended.json()["status"]) == (200, "succeeded" if amount else "canceled")


async def debit_a_bank_account(shop: Shop) -> None:
    cart = shop.cart("debit")
    await cart.owe(currency="usd")
    await cart.pay("pm_usBankAccount_success")
    state = (await cart.get(sync="true")).json()
    assert state["status"] == "processing"
    assert (await cart.put(currency="usd", amount=2000)).json()["code"] == "payment_in_progress"
    assert (await cart.cancel()).json()["code"] == "payment_in_progress"
    await shop.sandbox.advance(120)
    await shop.sandbox.wait_idle()
    assert (await cart.state())["status"] == "succeeded"


async def cancel_a_debit_that_is_not_known_yet(shop: Shop) -> None:
    cart = shop.cart("canceled-debit")
    await cart.owe(currency="usd")
    await shop.sandbox.pause_webhooks()
    await cart.confirm("pm_usBankAccount_success")
    canceled = await cart.cancel()
    await shop.sandbox.restore_webhooks()
    await shop.sandbox.wait_idle()
    assert canceled.status_code == 200 or canceled.json()["code"] == "payment_in_progress"


async def cancel_and_begin_anew(shop: Shop) -> None:
    cart = shop.cart("canceled")
    await cart.owe()
    assert (await cart.cancel(reason="requested_by_customer")).status_code == 200
    assert (await cart.cancel()).status_code == 200
    again = await cart.put(amount=1200)
    assert (again.status_code, again.json()["generation"]) == (201, 2)
    await _paid(cart, 1200)


async def update_after_a_lost_answer(shop: Shop) -> None:
    cart, guest = shop.cart("lost"), await shop.customer()
    terms = {"customer": guest, "description": "Chairs"}
    await cart.owe(**terms)
    await shop.sandbox.lose_next_answer(method="POST", path="/v1/payment_intents/pi_*", count=3)
    assert (await cart.put(**terms, amount=2000)).status_code == 503
    again = await cart.owe(**terms, amount=3000)
    assert (again["generation"], again["amount"]) == (1, 3000)
    await _paid(cart, 3000)


async def decline_until_stripe_has_enough(shop: Shop) -> None:
    cart = shop.cart("limit")
    await cart.owe()
    for _ in range(3):
        await cart.pay(DECLINED)
    again = await cart.owe(amount=1300)
    assert await shop.live("limit") == [again["stripe_id"]]


async def refuse_a_price(shop: Shop) -> None:
    cart = shop.cart("price")
    await cart.owe(amount=4999)
    assert (await cart.put(amount=30)).json()["stripe_code"] == "amount_too_small"
    assert (await cart.client_secret()).json()["code"] == "price_refused"
    await cart.owe(amount=60)
    assert (await cart.client_secret()).is_success
    await _paid(cart, 60)


async def owe_thousandths(shop: Shop) -> None:
    cart = shop.cart("dinar")
    assert (await cart.put(currency="kwd", amount=1005)).status_code in {201, 422}
    assert (await cart.owe(currency="kwd", amount=2010))["amount"] == 2010


MODES = ("hosted_page", "embedded_page", "elements")


async def pay_in_a_session(shop: Shop) -> None:
    for mode in MODES:
        cart = shop.cart(f"session-{mode}")
        checkout = Checkout(cart, mode)
        await checkout.open(cart_version=1)
        with suppress(httpx.HTTPStatusError):
            await checkout.pay(DECLINED)
        await shop.sandbox.wait_idle()
        changed = await checkout.open(amount=1500, cart_version=2)
        assert changed["generation"] == (1 if mode == "elements" else 2)
        await checkout.pay()
        await shop.sandbox.wait_idle()
        state = await cart.state()
        assert (state["status"], state["amount_received"], state["flags"]) == ("succeeded", 1500, [])


async def change_a_session_during_3ds(shop: Shop) -> None:
    for mode in MODES:
        cart = shop.cart(f"challenged-{mode}")
        checkout = Checkout(cart, mode)
        await checkout.open(cart_version=1)
        await checkout.pay(CHALLENGED)
        assert (await checkout.put(cart_version=2)).status_code in {200, 422}
        changed = await checkout.open(amount=2000, cart_version=3)
        assert (changed["generation"], changed["amount"]) == (2, 2000)
        await checkout.pay(CHALLENGED, challenge="succeed")
        await shop.sandbox.wait_idle()
        assert (await cart.state())["status"] == "succeeded"


async def move_a_session_that_is_paid_in_a_checkout_session(shop: Shop) -> None:
    guest = shop.cart("guest", "sessions")
    made = await Checkout(guest).open()
    assert (await guest.attach_to("logged-in")).status_code == 200
    cart = guest.another("/v1/carts/logged-in")
    after = await Checkout(cart).open()
    assert after["checkout"]["stripe_id"] == made["checkout"]["stripe_id"]
    await Checkout(cart).pay()
    await shop.sandbox.wait_idle()
    assert (await cart.state())["status"] == "succeeded"


async def change_the_channel(shop: Shop) -> None:
    cart = shop.cart("channels")
    await cart.owe()
    await cart.pay(DECLINED)
    await Checkout(cart).open()
    assert await shop.live("channels") == []
    with suppress(httpx.HTTPStatusError):
        await Checkout(cart).pay(DECLINED)
    again = await cart.owe(amount=1700)
    assert (again["generation"], again["channel"]) == (3, "payment_intent")
    await _paid(cart, 1700)


async def debit_in_a_session(shop: Shop) -> None:
    checkout = Checkout(shop.cart("session-debit"))
    await checkout.open(currency="usd")
    await checkout.pay("pm_usBankAccount_success")
    assert (await checkout.cart.put(currency="usd")).json()["code"] == "payment_in_progress"
    assert (await checkout.expire()).json()["code"] == "payment_in_progress"
    await shop.sandbox.advance(120)
    await shop.sandbox.wait_idle()
    assert (await checkout.cart.state())["status"] == "succeeded"


FLOWS: tuple[Callable[[Shop], Awaitable[None]], ...] = (
    update_pay_and_refund,
    change_the_customer,
    move_a_session,
    decline_and_pay,
    change_during_3ds,
    move_during_3ds,
    fail_3ds_and_pay,
    hold_and_capture,
    debit_a_bank_account,
    cancel_a_debit_that_is_not_known_yet,
    cancel_and_begin_anew,
    update_after_a_lost_answer,
    decline_until_stripe_has_enough,
    refuse_a_price,
    owe_thousandths,
    pay_in_a_session,
    change_a_session_during_3ds,
    move_a_session_that_is_paid_in_a_checkout_session,
    change_the_channel,
    debit_in_a_session,
)


async def test_payments_are_right_under_every_setting(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    database: Database,
    resources: Resources,
    jobs: Jobs,
    new_key: NewKey,
) -> None:
    key = await new_key("payments:read", "payments:write", "refunds:write")
    api.headers["Authorization"] = f"Bearer {key}"
    shop = Shop(sandbox, api, database)
    for flow in FLOWS:
        await flow(shop)
    await sandbox.wait_idle()
    await jobs()
    await sandbox.clear_requests()
    await recovery.sweep(resources)
    await jobs()
    own = [each["path"] for each in await sandbox.requests() if each["status"] != httpx.codes.NOT_FOUND]
    assert own == []  # a late webhook of another test may have us look for what is not there


def test_every_switch_has_a_setting() -> None:
    names = {name.partition(":")[0] for name in CONFIGS}
    assert {field.name for kind in (Unconfirmed, Lenient) for field in fields(kind)} <= names
