"""A cart at our API, with its shopper at Stripe: what most tests of payments begin with."""

from dataclasses import dataclass, replace
from typing import Any, Self

import httpx

from sandbox.client import SandboxClient
from sandbox.shopper import Confirmation
from tests.database import Database
from tests.waiting import until

Json = dict[str, Any]

TEN_EUROS: Json = {"amount": 1000, "currency": "eur"}
DECLINED = "pm_card_visa_chargeDeclined"
CHALLENGED = "pm_card_threeDSecure2Required"


@dataclass(frozen=True)
class Cart:
    """A cart, or a session, of which each method is one step of the backend service or of the shopper."""

    api: httpx.AsyncClient
    sandbox: SandboxClient
    database: Database
    path: str = "/v1/carts/c1"

    def another(self, path: str) -> Self:
        return replace(self, path=path)

    # The backend service.

    async def put(self, **terms: Any) -> httpx.Response:
        """Say what the cart owes: ten euros, unless the terms say otherwise."""
        return await self.api.put(f"{self.path}/payment-intent", json=TEN_EUROS | terms)

    async def put_until_known(self, **terms: Any) -> httpx.Response:
        """Put again while the answer is 503, as every caller has to: a busy machine can be a slow Stripe."""
        answers: list[httpx.Response] = []

        async def is_known() -> bool:
            answers.append(await self.put(**terms))
            return answers[-1].status_code != httpx.codes.SERVICE_UNAVAILABLE

        await until(is_known, "a PUT is answered otherwise than with 503", seconds=30)
        return answers[-1]

    async def owe(self, **terms: Any) -> Json:
        """Put, which must succeed; return the PaymentIntent."""
        answer = await self.put(**terms)
        assert answer.is_success, answer.text
        state: Json = answer.json()
        return state

    async def get(self, **query: str) -> httpx.Response:
        return await self.api.get(f"{self.path}/payment-intent", params=query)

    async def state(self) -> Json:
        state: Json = (await self.get()).json()
        return state

    async def attempts(self) -> list[Json]:
        """Return the first page of attempts, newest first."""
        listed: list[Json] = (await self.api.get(f"{self.path}/attempts")).json()["data"]
        return listed

    async def client_secret(self) -> httpx.Response:
        return await self.api.get(f"{self.path}/payment-intent/client-secret")

    async def cancel(self, **body: Any) -> httpx.Response:
        return await self.api.post(f"{self.path}/payment-intent/cancel", json=body)

    async def capture(self, **body: Any) -> httpx.Response:
        return await self.api.post(f"{self.path}/payment-intent/capture", json=body)

    async def attach_to(self, cart_id: str, **body: Any) -> httpx.Response:
        """Attach the session's PaymentIntent to a cart."""
        return await self.api.post(f"{self.path}/payment-intent/move", json={"cart_id": cart_id} | body)

    # The shopper.

    async def confirm(self, payment_method: str = "pm_card_visa") -> Confirmation:
        """Try to pay the newest PaymentIntent; its webhooks may still be on their way."""
        return await self.sandbox.confirm((await self.state())["stripe_id"], payment_method)

    async def pay(self, payment_method: str = "pm_card_visa") -> Confirmation:
        """Try to pay, and return when all webhooks have arrived."""
        confirmation = await self.confirm(payment_method)
        await self.sandbox.wait_idle()
        return confirmation

    # Stripe.

    async def at_stripe(self) -> Json:
        """Return the one PaymentIntent that Stripe has."""
        [intent] = await self.sandbox.objects("payment_intents")
        return intent
