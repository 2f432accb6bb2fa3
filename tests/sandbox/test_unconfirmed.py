"""What nothing confirms about Stripe can be switched; each default is in the document."""

from datetime import timedelta
from typing import Any

import pytest
from stripe import InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import Receiver, client_of, confirmed, created


def with_(start: Start, **switches: Any) -> StripeClient:
    return client_of(start(SandboxConfig(unconfirmed=Unconfirmed(**switches))))


def test_metadata_can_be_bound_to_some_statuses(start: Start) -> None:
    client = with_(start, metadata_statuses=frozenset({"requires_payment_method"}))
    intent = created(client)
    assert client.v1.payment_intents.update(intent.id, {"metadata": {"a": "b"}}).metadata["a"] == "b"
    client.v1.payment_intents.cancel(intent.id)
    with pytest.raises(InvalidRequestError, match="metadata could not be updated"):
        client.v1.payment_intents.update(intent.id, {"metadata": {"a": "c"}})


@pytest.mark.parametrize("param", [None, "status"])
def test_an_unexpected_state_may_name_a_param(start: Start, param: str | None) -> None:
    client = with_(start, unexpected_state_param=param)
    with pytest.raises(InvalidRequestError) as e:
        client.v1.payment_intents.capture(created(client).id)
    assert e.value.param == param


async def test_bare_payment_intents_may_be_cancelled_when_abandoned(start: Start) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(abandoned_after=timedelta(hours=1))))
    client = client_of(url)
    left, paid = created(client), confirmed(client)
    async with SandboxClient(url) as control:
        await control.advance(3601)
    assert client.v1.payment_intents.retrieve(left.id).cancellation_reason == "automatic"
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"


async def test_bare_payment_intents_never_expire_by_default(client: StripeClient, control: SandboxClient) -> None:
    intent = created(client)
    await control.advance(400 * 86_400)
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_three_decimal_amounts_may_end_in_any_digit(start: Start) -> None:
    assert created(with_(start, three_decimal_last_digit_zero=False), amount=1001, currency="kwd").amount == 1001


async def test_the_timeout_of_a_delivery_is_configurable(start: Start, receiver: Receiver) -> None:
    receiver.delay = 0.5
    switches = Unconfirmed(webhook_timeout=timedelta(seconds=0.1))
    url = start(SandboxConfig(webhook_url=receiver.url, webhook_secret="whsec_x", unconfirmed=switches))
    created(client_of(url))
    async with SandboxClient(url) as control:
        assert await control.deliver_pending() == 1
        (delivery,) = await control.deliveries()
    assert delivery["last_answer"] in {"TimeoutError", "ConnectionTimeoutError"}
