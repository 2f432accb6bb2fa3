"""A cart of the shop, as its page sees it, and what Stripe has of it."""

from typing import Any

import httpx

from sandbox.client import SandboxClient


class Cart:
    def __init__(self, path: str, shop: httpx.AsyncClient, stripe: SandboxClient) -> None:
        self.path = path
        self.id = path.rpartition("/")[2]
        self._shop = shop
        self._stripe = stripe

    async def read(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._shop.get(f"/api{self.path}")).raise_for_status().json()
        return found

    async def change(self, **quantities: object) -> httpx.Response:
        return await self.change_to("payment_intent", **quantities)

    async def change_to(self, channel: str, **quantities: object) -> httpx.Response:
        """Change quantities where the shopper pays by this channel."""
        return await self._shop.patch(f"/api{self.path}", json={"quantities": quantities, "channel": channel})

    async def start_payment(self, version: int) -> httpx.Response:
        return await self._shop.post(f"/api{self.path}/payment", json={"version": version})

    async def quantities(self) -> dict[str, int]:
        return {line["product"]: line["quantity"] for line in (await self.read())["cart"]["lines"]}

    async def payment_intents(self) -> list[dict[str, Any]]:
        """Give all that Stripe has for this cart."""
        found = await self._stripe.objects("payment_intents")
        return [intent for intent in found if intent["metadata"].get("reference_id") == self.id]

    async def payment_intent(self) -> dict[str, Any]:
        """Give the only one."""
        [intent] = await self.payment_intents()
        return intent

    async def pay(self) -> None:
        """Pay by card, and wait until the service knows."""
        await self._stripe.confirm((await self.payment_intent())["id"])
        await self._stripe.wait_idle()
