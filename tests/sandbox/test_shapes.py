"""Every object's keys against what the installed library declares: none made up, none missing."""

import typing
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.other_methods import DATA, SHOP, waiting
from tests.sandbox.running import opened

ALWAYS_ABSENT = {
    "deleted": "only on a deleted object",
}

OPTIONAL = {
    "payment_intent": "amount_details hooks payment_details presentment_details",
    "charge": "authorization_code level3 presentment_details refunds transfer",
    "refund": (
        "description destination_details failure_balance_transaction failure_reason instructions_email next_action "
        "pending_reason presentment_details"
    ),
    "dispute": "network_reason_code payment_method_details",
    "customer": (
        "address business_name cash_balance currency customer_account default_source delinquent discount email "
        "individual_name invoice_credit_balance name phone sources subscriptions tax tax_ids test_clock"
    ),
    "event": "account context",
    "webhook_endpoint": "secret",
    "checkout.session": (
        "excluded_payment_method_types line_items name_collection optional_items presentment_details "
        "redirect_on_completion return_url "
        "tax_id_collection"
    ),
    "balance_transaction": "",
    "confirmation_token": "",
    "customer_cash_balance_transaction": (
        "adjusted_for_overdraft applied_to_payment funded refunded_from_payment transferred_to_balance "
        "unapplied_from_payment"
    ),
    "payment_method": "radar_options",
    "item": "discounts taxes",
}
"""The fields that stripe-node marks optional: an object may lack them. All others are always there, null or not."""

CLASSES: dict[str, Any] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "customer": stripe.Customer,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "checkout.session": stripe.checkout.Session,
    "balance_transaction": stripe.BalanceTransaction,
    "confirmation_token": stripe.ConfirmationToken,
    "customer_cash_balance_transaction": stripe.CustomerCashBalanceTransaction,
    "payment_method": stripe.PaymentMethod,
}


def declared(kind: str) -> set[str]:
    names = {name for name in CLASSES[kind].__annotations__ if name.islower()}
    return names - ALWAYS_ABSENT.keys()


def check(value: dict[str, Any]) -> None:
    kind = value["object"]
    made_up = value.keys() - declared(kind)
    assert not made_up, f"{kind} has fields that the library does not know: {made_up}"
    optional = set(OPTIONAL[kind].split())
    if kind == "payment_method":
        optional |= declared(kind) - {
            "id", "object", "allow_redisplay", "billing_details", "created", "customer", "customer_account",
            "livemode", "metadata", "type",
        }  # fmt: skip
    missing = declared(kind) - optional - value.keys()
    assert not missing, f"{kind} lacks {missing}"


def nested(kind: Any, value: Any, path: str) -> list[str]:
    """Name the fields, at every depth, that the library's classes do not declare."""
    if isinstance(value, list):
        return [wrong for item in value for wrong in nested(kind, item, f"{path}[]")]
    kind = _class_of(kind)
    if kind is None or not isinstance(value, dict):
        return []
    hints = typing.get_type_hints(kind, vars(stripe) | vars(typing.cast(Any, stripe.checkout)))
    wrong = []
    for name, item in value.items():
        declared_name = "from" if name == "from" else name
        if declared_name not in hints:
            wrong.append(f"{path}.{name}")
        else:
            wrong += nested(hints[declared_name], item, f"{path}.{name}")
    return wrong


def _class_of(kind: Any) -> Any:
    inner = [part for argument in typing.get_args(kind) for part in (argument, *typing.get_args(argument))]
    for candidate in (kind, *inner):
        if isinstance(candidate, type) and issubclass(candidate, stripe.StripeObject):
            is_untyped = candidate.__name__ == "UntypedStripeObject" or "OBJECT_NAME" in vars(candidate)
            return None if is_untyped else candidate
    return None


Maker = Callable[[StripeClient], Any]


async def _populate(client: StripeClient, control: SandboxClient) -> None:
    """Make at least one object of each kind, in states that fill their fields."""
    customer = client.v1.customers.create({"email": "ada@example.com", "address": {"city": "Paris"}})
    card = client.v1.payment_methods.create(
        {"type": "card", "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2040, "cvc": "123"}}
    )
    client.v1.payment_methods.attach(card.id, {"customer": customer.id})
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["charge.captured"]})
    for method in ("pm_card_visa", "pm_card_createDispute", "pm_card_chargeDeclined", "pm_card_authenticationRequired",
                   "pm_card_pendingRefund", "pm_usBankAccount_success"):  # fmt: skip
        intent = client.v1.payment_intents.create({"amount": 1000, "currency": "usd", "customer": customer.id})
        await control.confirm(intent.id, method)
        if method in {"pm_card_visa", "pm_card_pendingRefund"}:
            client.v1.refunds.create({"payment_intent": intent.id, "amount": 400, "reason": "duplicate"})
    held = client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "capture_method": "manual",
            "shipping": {"name": "A", "address": {"line1": "1"}},
        }
    )
    await control.confirm(held.id)
    client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})
    for ui_mode in ("hosted_page", "embedded_page", "elements"):
        session = opened(client, ui_mode, customer_email="ada@example.com", excluded_payment_method_types=["klarna"])
        await control.pay_session(session.id)
    client.v1.test_helpers.confirmation_tokens.create({"payment_method": "pm_card_visa", "return_url": SHOP})
    for kind in DATA:
        await control.finish(waiting(client, kind).id)


# Present at Stripe in some payments only: where a terminal took part, or where there is no mandate.
SOMETIMES = {"klarna": {"location", "reader"}}


@pytest.mark.parametrize("kind", list(DATA))
async def test_details_of_a_type_have_all_the_fields_that_the_library_declares(
    client: StripeClient, control: SandboxClient, kind: str
) -> None:
    intent = waiting(client, kind).to_dict()
    if intent["next_action"] is not None:
        name = intent["next_action"]["type"]
        expected = _fields(stripe.PaymentIntent.NextAction, name)
        assert intent["next_action"][name].keys() == expected
        assert nested(stripe.PaymentIntent, intent, kind) == []
    await control.finish(intent["id"])
    if kind == "us_bank_account":
        await control.finish(intent["id"])
    charge = client.v1.charges.list({"payment_intent": intent["id"]}).data[0].to_dict()
    details = charge["payment_method_details"][kind]
    assert details.keys() == _fields(stripe.Charge.PaymentMethodDetails, kind) - SOMETIMES.get(kind, set())
    method = client.v1.payment_methods.retrieve(intent["payment_method"]).to_dict()
    assert method[kind].keys() == _fields(stripe.PaymentMethod, kind)


def _fields(outer: Any, name: str) -> set[str]:
    inner = getattr(outer, name.title().replace("_", ""))
    return {field for field in inner.__annotations__ if field.islower()}


@pytest.mark.parametrize("kind", list(CLASSES))
async def test_keys_are_those_that_the_library_declares(
    client: StripeClient, control: SandboxClient, kind: str
) -> None:
    await _populate(client, control)
    values = await control.objects(f"{kind}s")
    assert values
    for value in values:
        check(value)
        assert nested(CLASSES[kind], value, kind) == []


async def test_line_items_are_those_that_the_library_declares(client: StripeClient, control: SandboxClient) -> None:
    await _populate(client, control)
    session = (await control.objects("checkout.sessions"))[0]
    (item,) = client.v1.checkout.sessions.line_items.list(session["id"]).data
    value = item.to_dict()
    assert value.keys() <= set(stripe.LineItem.__annotations__)
    assert set(stripe.LineItem.__annotations__) - {"OBJECT_NAME", "discounts", "taxes"} <= value.keys()
    assert value["price"].keys() <= set(stripe.Price.__annotations__)


async def test_snapshots_in_events_have_the_same_keys(client: StripeClient, control: SandboxClient) -> None:
    await _populate(client, control)
    kinds = set()
    for event in await control.events():
        check(event["data"]["object"])
        kinds.add(event["data"]["object"]["object"])
    assert kinds >= {"payment_intent", "charge", "refund", "dispute", "checkout.session", "customer"}
