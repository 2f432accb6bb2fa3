"""A shop that takes money and gives it back, and the proof that both sides count the same."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.refunds import finishing
from app.resources import Resources
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import Jobs, NewKey
from tests.database import Database

HUNDRED_EUROS = 10_000

Totals = Callable[..., Awaitable[tuple[int, int]]]


@dataclass(frozen=True)
class Shop:
    """A backend service that refunds, with the shopper and Stripe's dashboard at hand."""

    api: httpx.AsyncClient
    sandbox: SandboxClient
    database: Database

    async def sell(self, cart: str = "c1", *, card: str = "pm_card_visa", **put: Any) -> dict[str, Any]:
        """Have a shopper pay for a cart; give the PaymentIntent as it is then."""
        path = f"/v1/carts/{cart}/payment-intent"
        made = (await self.api.put(path, json={"amount": HUNDRED_EUROS, "currency": "eur"} | put)).json()
        await self.sandbox.confirm(made["stripe_id"], card)
        await self.sandbox.wait_idle()
        return await self.state(cart)

    async def refund(self, key: str, cart: str = "c1", **body: Any) -> httpx.Response:
        return await self.api.post(f"/v1/carts/{cart}/refunds", json=body, headers={"Idempotency-Key": key})

    async def state(self, cart: str = "c1") -> dict[str, Any]:
        body: dict[str, Any] = (await self.api.get(f"/v1/carts/{cart}/payment-intent")).json()
        return body

    async def refunds(self, cart: str = "c1") -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = (await self.api.get(f"/v1/carts/{cart}/refunds")).json()["data"]
        return data

    async def totals(self, cart: str = "c1") -> tuple[int, int]:
        """Return what is refunded and what is left of the newest payment, once both sides say the same."""
        await self.sandbox.wait_idle()
        state = await self.state(cart)
        charges = await self.sandbox.objects("charges")
        [charge] = [each for each in charges if each["payment_intent"] == state["stripe_id"] and each["paid"]]
        assert state["amount_refunded"] == charge["amount_refunded"]
        at_stripe = [each for each in await self.sandbox.objects("refunds") if each["charge"] == charge["id"]]
        here = [each for each in await self.refunds(cart) if each["payment_intent_id"] == state["id"]]
        assert {each["id"]: (each["status"], each["amount"]) for each in at_stripe} == {
            each["stripe_id"]: (each["status"], each["amount"]) for each in here if each["stripe_id"]
        }
        return state["amount_refunded"], state["amount_refundable"]

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the domain events about refunds, oldest first."""
        return [(event["type"], event["data"]) for event in await self.database.domain_events("refund.%")]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Wait longer for Stripe: a busy machine is slow too, and these tests are not about calls that time out."""
    times = {"stripe_timeout": 8, "converge_deadline": 12}
    return settings.model_copy(update={name: timedelta(seconds=value) for name, value in times.items()})


@pytest.fixture
async def api(anonymous: httpx.AsyncClient, new_key: NewKey) -> httpx.AsyncClient:
    """Return a client of the API whose key may refund."""
    key = await new_key("payments:read", "payments:write", "refunds:write")
    anonymous.headers["Authorization"] = f"Bearer {key}"
    return anonymous


@pytest.fixture
async def shop(api: httpx.AsyncClient, sandbox: SandboxClient, database: Database) -> Shop:
    return Shop(api, sandbox, database)


Later = Callable[[timedelta], Awaitable[None]]


@pytest.fixture
def later(resources: Resources, sandbox: SandboxClient, database: Database, jobs: Jobs) -> Later:
    """Return a function that lets time pass, at Stripe too, then sweeps and does all jobs."""

    async def pass_(duration: timedelta) -> None:
        await database.age_refunds(duration)
        await sandbox.advance(duration.total_seconds())
        await sandbox.wait_idle()
        await finishing.sweep(resources)
        await jobs()
        await sandbox.wait_idle()

    return pass_
