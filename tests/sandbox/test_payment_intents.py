from typing import Any

import pytest
from stripe import CardError, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import charges_of, client_of, confirmed, created

NO_REDIRECTS: Any = {"enabled": True, "allow_redirects": "never"}


async def in_status(client: StripeClient, control: SandboxClient, status: str) -> str:
    """Bring a PaymentIntent into a status and give its id."""
    match status:
        case "requires_payment_method":
            return created(client).id
        case "requires_confirmation":
            return created(client, payment_method="pm_card_visa").id
        case "requires_action":
            return confirmed(client, "pm_card_authenticationRequired").id
        case "processing":
            return confirmed(client, "pm_usBankAccount_success", currency="usd").id
        case "requires_capture":
            return confirmed(client, capture_method="manual").id
        case "succeeded":
            return confirmed(client).id
        case _:
            intent = created(client)
            return client.v1.payment_intents.cancel(intent.id).id


ALL = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
)
OPEN = ALL[:3]


@pytest.mark.parametrize("status", ALL)
async def test_every_status_can_be_reached(client: StripeClient, control: SandboxClient, status: str) -> None:
    intent_id = await in_status(client, control, status)
    assert client.v1.payment_intents.retrieve(intent_id).status == status


@pytest.mark.parametrize("status", ALL)
async def test_the_amount_can_be_updated_only_while_the_payment_intent_is_open(
    client: StripeClient, control: SandboxClient, status: str
) -> None:
    intent_id = await in_status(client, control, status)
    if status in OPEN:
        assert client.v1.payment_intents.update(intent_id, {"amount": 1200}).amount == 1200
        return
    with pytest.raises(
        InvalidRequestError, match=f"amount could not be updated because it has a status of {status}"
    ) as e:
        client.v1.payment_intents.update(intent_id, {"amount": 1200})
    assert e.value.code == "payment_intent_unexpected_state"
    assert e.value.error is not None
    assert e.value.error.payment_intent is not None
    assert e.value.error.payment_intent.status == status


@pytest.mark.parametrize("status", ALL)
async def test_the_receipt_email_can_be_updated_except_while_processing_or_canceled(
    client: StripeClient, control: SandboxClient, status: str
) -> None:
    intent_id = await in_status(client, control, status)
    if status not in {"processing", "canceled"}:
        assert (
            client.v1.payment_intents.update(intent_id, {"receipt_email": "a@b.example"}).receipt_email == "a@b.example"
        )
        return
    with pytest.raises(InvalidRequestError, match="receipt_email could not be updated"):
        client.v1.payment_intents.update(intent_id, {"receipt_email": "a@b.example"})


@pytest.mark.parametrize("status", ALL)
async def test_metadata_can_be_updated_in_every_status_by_default(
    client: StripeClient, control: SandboxClient, status: str
) -> None:
    intent_id = await in_status(client, control, status)
    assert client.v1.payment_intents.update(intent_id, {"metadata": {"a": "1"}}).metadata["a"] == "1"


@pytest.mark.parametrize("status", ALL)
async def test_cancelling_is_possible_until_the_money_moves_and_only_once(
    client: StripeClient, control: SandboxClient, status: str
) -> None:
    intent_id = await in_status(client, control, status)
    if status in (*OPEN, "requires_capture", "processing"):
        canceled = client.v1.payment_intents.cancel(intent_id, {"cancellation_reason": "duplicate"})
        assert (canceled.status, canceled.cancellation_reason) == ("canceled", "duplicate")
        assert canceled.canceled_at is not None
        assert canceled.amount_capturable == 0
        return
    with pytest.raises(InvalidRequestError, match="You cannot cancel this PaymentIntent") as e:
        client.v1.payment_intents.cancel(intent_id)
    assert e.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize("status", ALL)
async def test_confirming_is_possible_while_the_payment_intent_is_open(
    client: StripeClient, control: SandboxClient, status: str
) -> None:
    intent_id = await in_status(client, control, status)
    params: Any = {"payment_method": "pm_card_visa", "return_url": "https://shop.example/"}
    if status in OPEN:
        assert client.v1.payment_intents.confirm(intent_id, params).status == "succeeded"
        return
    with pytest.raises(InvalidRequestError, match="You cannot confirm this PaymentIntent") as e:
        client.v1.payment_intents.confirm(intent_id, params)
    assert e.value.code == "payment_intent_unexpected_state"


def test_attaching_a_payment_method_requires_a_confirmation(client: StripeClient) -> None:
    intent = created(client)
    updated = client.v1.payment_intents.update(intent.id, {"payment_method": "pm_card_visa"})
    assert updated.status == "requires_confirmation"
    assert str(updated.payment_method).startswith("pm_")
    assert updated.payment_method != "pm_card_visa"


def test_there_is_no_failed_status(client: StripeClient) -> None:
    intent = created(client)
    with pytest.raises(CardError) as e:
        client.v1.payment_intents.confirm(
            intent.id, {"payment_method": "pm_card_chargeDeclined", "return_url": "https://shop.example/"}
        )
    assert e.value.http_status == 402
    assert e.value.error is not None
    assert e.value.error.payment_intent is not None
    assert e.value.error.payment_intent.status == "requires_payment_method"
    found = client.v1.payment_intents.retrieve(intent.id)
    assert found.payment_method is None
    assert found.last_payment_error is not None
    assert found.last_payment_error.decline_code == "generic_decline"
    assert e.value.error.charge == found.latest_charge == found.last_payment_error.charge


def test_a_decline_on_create_keeps_the_payment_intent(client: StripeClient) -> None:
    with pytest.raises(CardError) as e:
        confirmed(client, "pm_card_chargeDeclined")
    assert e.value.error is not None
    assert e.value.error.payment_intent is not None
    kept = client.v1.payment_intents.retrieve(e.value.error.payment_intent.id)
    assert kept.status == "requires_payment_method"


def test_any_update_clears_the_last_payment_error(client: StripeClient) -> None:
    with pytest.raises(CardError):
        confirmed(client, "pm_card_chargeDeclined")
    (intent,) = client.v1.payment_intents.list().data
    assert intent.last_payment_error is not None
    assert client.v1.payment_intents.update(intent.id, {"metadata": {"a": "b"}}).last_payment_error is None


def test_a_payment_intent_makes_one_charge_for_each_attempt(client: StripeClient) -> None:
    intent = created(client, metadata={"cart": "c1"})
    confirm: Any = {"return_url": "https://shop.example/"}
    with pytest.raises(CardError):
        client.v1.payment_intents.confirm(intent.id, confirm | {"payment_method": "pm_card_chargeDeclined"})
    client.v1.payment_intents.confirm(intent.id, confirm | {"payment_method": "pm_card_visa"})
    newest, oldest = charges_of(client, intent.id)
    assert (newest.status, oldest.status) == ("succeeded", "failed")
    assert newest.metadata.to_dict() == {"cart": "c1"}
    assert oldest.outcome is not None
    assert oldest.outcome.type == "issuer_declined"


def test_later_metadata_does_not_reach_the_charge(client: StripeClient) -> None:
    intent = confirmed(client, metadata={"cart": "c1"})
    client.v1.payment_intents.update(intent.id, {"metadata": {"cart": "c2"}})
    (charge,) = charges_of(client, intent.id)
    assert charge.metadata["cart"] == "c1"


def test_confirming_needs_a_return_url_unless_redirects_are_off_or_off_session(client: StripeClient) -> None:
    intent = created(client)
    with pytest.raises(InvalidRequestError, match="must provide a `return_url`"):
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    without = created(client, automatic_payment_methods=NO_REDIRECTS)
    assert client.v1.payment_intents.confirm(without.id, {"payment_method": "pm_card_visa"}).status == "succeeded"
    off: Any = {"payment_method": "pm_card_visa", "off_session": True}
    assert client.v1.payment_intents.confirm(intent.id, off).status == "succeeded"


def test_automatic_payment_methods_are_on_by_default(client: StripeClient) -> None:
    intent = created(client)
    assert intent.automatic_payment_methods is not None
    assert intent.automatic_payment_methods.to_dict() == {"allow_redirects": "always", "enabled": True}
    assert intent.capture_method == "automatic_async"
    assert intent.payment_method_types == ["card"]


def test_payment_method_types_is_no_longer_a_parameter(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError) as e:
        created(client, payment_method_types=["card"])
    assert (e.value.code, e.value.param) == ("payment_method_types_no_longer_supported", "payment_method_types")


def test_allowed_payment_method_types_drops_those_that_do_not_fit(client: StripeClient) -> None:
    intent = created(client, allowed_payment_method_types=["card", "us_bank_account"])
    assert intent.payment_method_types == ["card"]
    assert intent.automatic_payment_methods is None


def test_allowed_payment_method_types_excludes_automatic_payment_methods(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="only specify one of these"):
        created(client, allowed_payment_method_types=["card"], automatic_payment_methods=NO_REDIRECTS)


def test_a_method_of_another_type_is_refused(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="not allowed for this PaymentIntent"):
        confirmed(client, "pm_usBankAccount_success")


def test_an_unconfirmed_payment_intent_has_no_charge(client: StripeClient) -> None:
    assert created(client).latest_charge is None


async def test_a_slow_method_is_processing_until_its_outcome_comes(
    client: StripeClient, control: SandboxClient
) -> None:
    good = confirmed(client, "pm_usBankAccount_success", currency="usd")
    bad = confirmed(client, "pm_usBankAccount_noAccount", currency="usd")
    await control.advance(61)
    assert client.v1.payment_intents.retrieve(good.id).status == "succeeded"
    failed = client.v1.payment_intents.retrieve(bad.id)
    assert failed.status == "requires_payment_method"
    (charge,) = charges_of(client, bad.id)
    assert charge.status == "failed"
    types = [event["type"] for event in await control.events()]
    assert types.count("payment_intent.processing") == 2
    assert types.count("charge.pending") == 2


def test_the_transfer_group_can_be_set_only_once(client: StripeClient) -> None:
    intent = created(client)
    client.v1.payment_intents.update(intent.id, {"transfer_group": "g1"})
    with pytest.raises(InvalidRequestError, match="transfer_group"):
        client.v1.payment_intents.update(intent.id, {"transfer_group": "g2"})


@pytest.mark.parametrize("name", ["automatic_payment_methods", "confirmation_method", "return_url", "on_behalf_of"])
def test_what_cannot_be_updated_is_an_unknown_parameter(client: StripeClient, name: str) -> None:
    intent = created(client)
    params: Any = {name: "x"}
    with pytest.raises(InvalidRequestError, match=f"Received unknown parameter: {name}") as e:
        client.v1.payment_intents.update(intent.id, params)
    assert (e.value.code, e.value.param) == ("parameter_unknown", name)


def test_an_amount_of_the_confirm_is_charged_instead(client: StripeClient) -> None:
    intent = created(client, automatic_payment_methods=NO_REDIRECTS)
    paid = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "amount_to_confirm": 1030})
    assert paid.amount_received == 1030


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "eur", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (10**12, "eur", "amount_too_large"),
        (501, "ugx", None),
        (1001, "kwd", None),
    ],
)
def test_amounts_outside_the_limits_of_their_currency_are_refused(
    client: StripeClient, amount: int, currency: str, code: str | None
) -> None:
    with pytest.raises(InvalidRequestError) as e:
        created(client, amount=amount, currency=currency)
    assert (e.value.code, e.value.param) == (code, "amount")


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(50, "eur"), (30, "gbp"), (50, "jpy"), (500, "ugx"), (1000, "kwd"), (999_999_999_999, "usd")],
)
def test_amounts_within_the_limits_are_taken(client: StripeClient, amount: int, currency: str) -> None:
    assert created(client, amount=amount, currency=currency).amount == amount


def test_an_unknown_currency_is_refused_and_capitals_are_not(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="Invalid currency: xyz") as e:
        created(client, currency="xyz")
    assert e.value.param == "currency"
    assert created(client, currency="EUR").currency == "eur"


async def test_one_confirm_too_many_cancels(start: Start) -> None:
    client = client_of(start(SandboxConfig(unconfirmed=Unconfirmed(confirmation_limit=2))))
    intent = created(client)
    params: Any = {"payment_method": "pm_card_chargeDeclined", "return_url": "https://shop.example/"}
    for _ in range(2):
        with pytest.raises(CardError):
            client.v1.payment_intents.confirm(intent.id, params)
    over = client.v1.payment_intents.confirm(intent.id, params | {"payment_method": "pm_card_visa"})
    assert (over.status, over.cancellation_reason) == ("canceled", "automatic")
    assert [charge.status for charge in charges_of(client, intent.id)] == ["failed", "failed"]


def test_the_types_and_options_can_be_updated(client: StripeClient) -> None:
    intent = created(client, currency="usd", payment_method_options={"card": {"request_three_d_secure": "any"}})
    assert intent.payment_method_types == ["card", "us_bank_account"]
    excluded: Any = {"excluded_payment_method_types": ["us_bank_account"]}
    updated = client.v1.payment_intents.update(intent.id, excluded).to_dict()
    assert updated["payment_method_types"] == ["card"]
    assert updated["payment_method_options"]["card"]["request_three_d_secure"] == "any"
    in_euros = client.v1.payment_intents.update(created(client, currency="usd").id, {"currency": "eur"})
    assert in_euros.payment_method_types == ["card"]
