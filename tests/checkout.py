"""A cart that is paid in a Checkout Session, for tests of more than these."""

from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.client import SandboxClient
from tests.cart import Cart, Json

THANKS = "https://shop.example/thanks"
MUG: Json = {"name": "Mug", "unit_amount": 1000}


@dataclass(frozen=True)
class Checkout:
    """A cart's Checkout Session, of which each method is one step of the backend service or of the shopper."""

    cart: Cart
    ui_mode: str = "hosted_page"

    @property
    def sandbox(self) -> SandboxClient:
        return self.cart.sandbox

    async def put(self, **terms: Any) -> httpx.Response:
        """Say what the cart owes: a mug for ten euros, unless the terms say otherwise."""
        owed = {} if "amount" in terms else {"line_items": [MUG]}
        body = {"currency": "eur", "ui_mode": self.ui_mode, "return_url": THANKS, **owed, **terms}
        return await self.cart.api.put(f"{self.cart.path}/checkout-session", json=body)

    async def open(self, **terms: Any) -> Json:
        """Put, which must succeed; return the answer."""
        answer = await self.put(**terms)
        assert answer.is_success, answer.text
        state: Json = answer.json()
        return state

    async def expire(self) -> httpx.Response:
        return await self.cart.api.post(f"{self.cart.path}/checkout-session/expire")

    async def pay(self, method: str = "pm_card_visa", **how: Any) -> Json:
        """Pay the newest session, as its shopper does."""
        return await self.sandbox.pay_session(await self.newest_id(), method, **how)

    async def newest_id(self) -> str:
        checkout = (await self.cart.state())["checkout"]
        return str(checkout["stripe_id"])

    async def at_stripe(self) -> list[Json]:
        """Return Stripe's sessions, oldest first."""
        return sorted(await self.sandbox.objects("checkout.session"), key=lambda each: int(each["created"]))

    async def payable(self) -> list[str]:
        """Return the ids of all that a shopper could pay at Stripe, whichever the channel."""
        sessions, intents = await self.at_stripe(), await self.sandbox.objects("payment_intent")
        of_sessions = {each["payment_intent"] for each in sessions}
        open_ = {"requires_payment_method", "requires_confirmation", "requires_action", "processing"}
        alone = [each["id"] for each in intents if each["status"] in open_ and each["id"] not in of_sessions]
        return [each["id"] for each in sessions if each["status"] == "open"] + alone
