"""The table of test payment methods: each name and each number has its outcome."""

from typing import Any

import pytest
from stripe import CardError, InvalidRequestError, StripeClient

from sandbox.cards import TEST_METHODS
from sandbox.client import SandboxClient
from tests.sandbox.running import charges_of, confirmed, created

DECLINES = [
    ("", "4000000000000002", "card_declined", "generic_decline"),
    ("InsufficientFunds", "4000000000009995", "card_declined", "insufficient_funds"),
    ("LostCard", "4000000000009987", "card_declined", "lost_card"),
    ("StolenCard", "4000000000009979", "card_declined", "stolen_card"),
    ("ExpiredCard", "4000000000000069", "expired_card", None),
    ("IncorrectCvc", "4000000000000127", "incorrect_cvc", None),
    ("ProcessingError", "4000000000000119", "processing_error", None),
    ("VelocityLimitExceeded", "4000000000006975", "card_declined", "card_velocity_exceeded"),
]


def card(number: str, **changes: Any) -> Any:
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123", **changes}}


def by_number(client: StripeClient, number: str, **changes: Any) -> Any:
    params: Any = {"payment_method_data": card(number, **changes), "return_url": "https://shop.example/"}
    return client.v1.payment_intents.confirm(created(client).id, params)


@pytest.mark.parametrize("name", ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_bypassPending"])
def test_good_cards_succeed_without_a_challenge(client: StripeClient, name: str) -> None:
    assert confirmed(client, name).status == "succeeded"


@pytest.mark.parametrize(("suffix", "number", "code", "decline_code"), DECLINES)
def test_declines_have_their_codes_by_both_names_and_by_number(
    client: StripeClient, suffix: str, number: str, code: str, decline_code: str | None
) -> None:
    for family in ("pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"):
        with pytest.raises(CardError) as e:
            confirmed(client, family + suffix)
        assert e.value.error is not None
        assert (e.value.code, e.value.error.decline_code) == (code, decline_code)
    with pytest.raises(CardError) as e:
        by_number(client, number)
    assert e.value.error is not None
    assert (e.value.code, e.value.error.decline_code) == (code, decline_code)
    assert e.value.error.payment_intent is not None
    (charge,) = charges_of(client, e.value.error.payment_intent.id)
    assert (charge.failure_code, charge.paid, charge.captured) == (code, False, False)


@pytest.mark.parametrize("method", [entry for entry in TEST_METHODS if entry.type == "card"], ids=lambda m: m.number)
def test_every_card_of_the_table_is_known_by_its_number(client: StripeClient, method: Any) -> None:
    made = client.v1.payment_methods.create(card(method.number))
    assert made.card is not None
    assert (made.card.last4, made.card.brand) == (method.number[-4:], method.brand)


def test_a_failed_3ds_lookup_declines_without_a_challenge(client: StripeClient) -> None:
    with pytest.raises(CardError) as e:
        confirmed(client, "pm_card_threeDSecureRequiredProcessingError")
    assert e.value.code == "card_declined"
    charge = client.v1.charges.list().data[0].to_dict()
    assert charge["payment_method_details"]["card"]["three_d_secure"]["result"] == "processing_error"


async def test_a_disputed_card_is_disputed_after_its_success(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, "pm_card_createDispute")
    assert intent.status == "succeeded"
    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.reason, dispute.status, dispute.amount) == ("fraudulent", "needs_response", 1000)
    assert charges_of(client, intent.id)[0].disputed


def test_an_unknown_name_is_refused_as_a_missing_payment_method(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="No such PaymentMethod: 'pm_card_nonsense'") as e:
        confirmed(client, "pm_card_nonsense")
    assert (e.value.http_status, e.value.code, e.value.param) == (400, "resource_missing", "payment_method")


def test_a_number_that_is_no_test_card_is_declined(client: StripeClient) -> None:
    with pytest.raises(CardError, match="non test card") as e:
        by_number(client, "4111111111111111")
    assert e.value.error is not None
    assert e.value.error.decline_code == "test_mode_live_card"


@pytest.mark.parametrize(
    ("number", "changes", "code"),
    [
        ("4242424242424241", {}, "incorrect_number"),
        ("42", {}, "incorrect_number"),
        ("4242424242424242", {"exp_month": 13}, "invalid_expiry_month"),
        ("4242424242424242", {"exp_year": 2020}, "invalid_expiry_year"),
        ("4242424242424242", {"cvc": "12"}, "invalid_cvc"),
    ],
)
async def test_cards_that_cannot_exist_are_refused_before_any_attempt(
    client: StripeClient, control: SandboxClient, number: str, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(CardError) as e:
        by_number(client, number, **changes)
    assert e.value.code == code
    assert await control.count("charges") == 0


def test_a_payment_method_tells_no_number(client: StripeClient) -> None:
    made = client.v1.payment_methods.create(card("4242424242424242"))
    assert "4242424242424242" not in str(made)
