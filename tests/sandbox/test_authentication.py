"""3DS: the challenge, what passes it, and what does not."""

from typing import Any

import httpx
import pytest
from stripe import CardError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import charges_of, client_of, confirmed, created, http

CHALLENGED = ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"]


@pytest.mark.parametrize("name", CHALLENGED)
async def test_a_passed_challenge_succeeds_with_the_authentication_on_the_charge(
    client: StripeClient, control: SandboxClient, name: str
) -> None:
    intent = confirmed(client, name)
    assert intent.status == "requires_action"
    assert intent.latest_charge is None
    await control.authenticate(intent.id)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    charge = charges_of(client, intent.id)[0].to_dict()
    assert charge["payment_method_details"]["card"]["three_d_secure"]["result"] == "authenticated"


@pytest.mark.parametrize(
    ("name", "decline_code"),
    [
        ("pm_card_threeDSecureRequiredChargeDeclined", "generic_decline"),
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
async def test_a_passed_challenge_can_still_be_declined(
    client: StripeClient, control: SandboxClient, name: str, decline_code: str
) -> None:
    intent = confirmed(client, name)
    await control.authenticate(intent.id)
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == decline_code


@pytest.mark.parametrize("leaves_charge", [False, True])
async def test_a_failed_challenge_leaves_a_failed_charge_or_none(
    client: StripeClient, control: SandboxClient, leaves_charge: bool
) -> None:
    intent = confirmed(client, CHALLENGED[0])
    await control.authenticate(intent.id, "fail", leaves_charge=leaves_charge)
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert [charge.status for charge in charges_of(client, intent.id)] == ["failed"] * leaves_charge
    assert len(await control.events("payment_intent.payment_failed")) == 1
    assert len(await control.events("charge.failed")) == leaves_charge


async def test_a_failed_challenge_leaves_a_charge_where_the_config_says_so(start: Start) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(failed_authentication_leaves_charge=True)))
    client = client_of(url)
    intent = confirmed(client, CHALLENGED[0])
    async with SandboxClient(url) as control:
        await control.authenticate(intent.id, "fail")
    assert len(charges_of(client, intent.id)) == 1


def test_a_return_url_gives_a_redirect_and_use_stripe_sdk_does_not(client: StripeClient) -> None:
    redirect = confirmed(client, CHALLENGED[0], return_url="https://shop.example/done")
    assert redirect.next_action is not None
    assert redirect.next_action.redirect_to_url is not None
    assert redirect.next_action.redirect_to_url.return_url == "https://shop.example/done"
    sdk = confirmed(client, CHALLENGED[0], return_url="https://shop.example/done", use_stripe_sdk=True)
    assert sdk.next_action is not None
    assert sdk.next_action.type == "use_stripe_sdk"


def test_the_page_of_the_redirect_leads_back_with_the_result(client: StripeClient) -> None:
    intent = confirmed(client, CHALLENGED[0], return_url="https://shop.example/done?order=7")
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    page = str(intent.next_action.redirect_to_url.url)
    assert "Complete authentication" in http.get(page).text
    answer = http.post(page, data={"outcome": "fail"})
    assert answer.status_code == 303
    assert answer.headers["location"] == (
        f"https://shop.example/done?order=7&payment_intent={intent.id}"
        f"&payment_intent_client_secret={intent.client_secret}&redirect_status=failed"
    )
    assert http.get(page).status_code == 404


def test_off_session_a_challenge_is_a_decline(client: StripeClient) -> None:
    with pytest.raises(CardError) as e:
        confirmed(client, CHALLENGED[0], off_session=True)
    assert e.value.code == "authentication_required"
    assert client.v1.payment_intents.list().data[0].status == "requires_payment_method"


def test_error_on_requires_action_makes_a_challenge_an_error(client: StripeClient) -> None:
    params: Any = {"allowed_payment_method_types": ["card"], "error_on_requires_action": True, "confirm": True}
    with pytest.raises(CardError) as e:
        created(client, payment_method=CHALLENGED[0], **params)
    assert e.value.code == "authentication_required"


async def test_with_manual_confirmation_the_server_confirms_again_after_the_challenge(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, CHALLENGED[0], confirmation_method="manual")
    await control.authenticate(intent.id)
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_confirmation"
    assert client.v1.payment_intents.confirm(intent.id).status == "succeeded"


async def test_a_confirm_with_another_card_replaces_the_challenge(client: StripeClient, control: SandboxClient) -> None:
    intent = created(client)
    assert (await control.confirm(intent.id, CHALLENGED[0])).status == "requires_action"
    assert (await control.confirm(intent.id, "pm_card_visa")).status == "succeeded"
    with pytest.raises(httpx.HTTPStatusError):
        await control.authenticate(intent.id)


@pytest.mark.parametrize(("policy", "status"), [("reconfirm", "requires_confirmation"), ("keep", "requires_action")])
async def test_a_new_amount_during_a_challenge_does_what_the_config_says(
    start: Start, policy: Any, status: str
) -> None:
    client = client_of(start(SandboxConfig(unconfirmed=Unconfirmed(amount_update_during_action=policy))))
    intent = confirmed(client, CHALLENGED[0])
    updated = client.v1.payment_intents.update(intent.id, {"amount": 1200})
    assert (updated.status, updated.amount) == (status, 1200)


async def test_a_new_amount_during_a_challenge_can_be_refused(start: Start) -> None:
    client = client_of(start(SandboxConfig(unconfirmed=Unconfirmed(amount_update_during_action="refuse"))))
    intent = confirmed(client, CHALLENGED[0])
    with pytest.raises(Exception, match="amount could not be updated because it has a status of requires_action"):
        client.v1.payment_intents.update(intent.id, {"amount": 1200})
    assert client.v1.payment_intents.update(intent.id, {"amount": 1000}).status == "requires_action"


def test_requested_3ds_on_a_card_without_it_is_acknowledged_without_a_challenge(client: StripeClient) -> None:
    intent = confirmed(client, payment_method_options={"card": {"request_three_d_secure": "any"}})
    assert intent.status == "succeeded"
    charge = charges_of(client, intent.id)[0].to_dict()
    assert charge["payment_method_details"]["card"]["three_d_secure"]["result"] == "attempt_acknowledged"
