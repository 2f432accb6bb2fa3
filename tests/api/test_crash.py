"""The API killed at any moment: still one PaymentIntent, and the next request finishes the work."""

import asyncio
from typing import Any

import httpx
import pytest

from app.settings import Settings
from sandbox.control import SandboxControl
from tests.conftest import NewKey
from tests.processes import api_process

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}
TWENTY_EUROS = {"amount": 2000, "currency": "eur"}


async def _put_and_be_killed(settings: Settings, sandbox: SandboxControl, key: str, body: Any, *, after: bool) -> None:
    """Send a PUT and kill -9 the API while Stripe works on it, or just before its answer arrives."""
    async with (
        api_process(settings) as (process, url),
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client,
    ):
        await sandbox.hold("/v1/payment_intents*", method="POST", after_work=after)
        put = asyncio.create_task(client.put(CART, json=body))
        while not await sandbox.held():
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        with pytest.raises(httpx.TransportError):
            await put
    await sandbox.release()


@pytest.mark.parametrize("after", [False, True], ids=["while Stripe works", "between its answer and our commit"])
async def test_killed_in_a_create_the_same_put_finds_the_first_payment_intent(
    settings: Settings, sandbox: SandboxControl, api: httpx.AsyncClient, new_key: NewKey, after: bool
) -> None:
    key = await new_key("payments:write")
    await _put_and_be_killed(settings, sandbox, key, TEN_EUROS, after=after)
    again = await api.put(CART, json=TEN_EUROS)

    assert again.status_code == 201
    assert await sandbox.count("payment_intents") == 1
    assert (await api.get(CART)).json()["is_converged"]


async def test_killed_in_an_update_the_next_put_brings_stripe_to_the_newest_amount(
    settings: Settings, sandbox: SandboxControl, api: httpx.AsyncClient, new_key: NewKey
) -> None:
    key = await new_key("payments:write")
    await api.put(CART, json=TEN_EUROS)
    await _put_and_be_killed(settings, sandbox, key, TWENTY_EUROS, after=True)
    newest = await api.put(CART, json={"amount": 3000, "currency": "eur"})

    [intent] = await sandbox.objects("payment_intents")
    assert newest.status_code == 200
    assert newest.json()["amount"] == intent["amount"] == 3000
