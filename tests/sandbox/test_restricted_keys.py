"""A restricted key may do what it was given, and is refused the rest in Stripe's words."""

import httpx
import pytest
import stripe
from stripe import StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import client_of, created

KEY = "rk_test_reads"


async def test_a_key_that_nobody_made_is_none(url: str) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        client_of(url, key=KEY).v1.charges.list()


async def test_write_includes_read_and_read_does_not_include_write(
    client: StripeClient, control: SandboxClient, url: str
) -> None:
    intent = created(client)
    restricted = client_of(url, key=KEY)
    await control.restrict_key(KEY, ["payment_intent_read"])
    assert restricted.v1.payment_intents.retrieve(intent.id).id == intent.id
    with pytest.raises(stripe.PermissionError, match="'rak_payment_intent_write'"):
        restricted.v1.payment_intents.cancel(intent.id)
    await control.restrict_key(KEY, ["payment_intent_write"])
    assert restricted.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"
    assert restricted.v1.payment_intents.cancel(intent.id).status == "canceled"


async def test_permission_is_looked_at_before_the_object(control: SandboxClient, url: str) -> None:
    await control.restrict_key(KEY, ["event_read"])
    with pytest.raises(stripe.PermissionError, match="'rak_charge_write'"):
        client_of(url, key=KEY).v1.refunds.cancel("re_none")


async def test_a_reset_forgets_the_keys(control: SandboxClient, url: str) -> None:
    await control.restrict_key(KEY, ["charge_read"])
    client_of(url, key=KEY).v1.charges.list()
    await control.reset()
    with pytest.raises(stripe.AuthenticationError):
        client_of(url, key=KEY).v1.charges.list()


async def test_an_unknown_permission_is_refused(control: SandboxClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await control.restrict_key(KEY, ["all_write"])
