"""The shop's checkout page in a browser, as a shopper uses it, and what the service and Stripe have of its cart."""

from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.async_api import Page, expect

from sandbox.client import SandboxClient

GOOD = "4242424242424242"
DECLINED = "4000000000000002"
CHALLENGED = "4000000000003220"
MUG, TEA = 1800, 650


class CheckoutPage:
    def __init__(self, page: Page, api: httpx.AsyncClient, stripe: SandboxClient) -> None:
        self.page = page
        self.pay_button = page.locator("#pay")
        self.attempts = page.locator(".attempt")
        self.waiting = page.locator("#waiting")
        self.challenge = page.get_by_role("dialog", name="3D Secure authentication")
        self.api = api
        self.stripe = stripe

    @property
    def cart_id(self) -> str:
        return urlsplit(self.page.url).path.rpartition("/")[2]

    # What the shopper does.

    async def open(self, url: str) -> None:
        """Open a new cart, or a cart's address, and wait until it can be paid."""
        await self.page.goto(url)
        await self.page.wait_for_selector("#pay:enabled")  # notices sooner than `expect`, for each test

    async def one_more(self, product: str, *, times: int = 1) -> None:
        for _ in range(times):
            await self.page.get_by_label(f"One more: {product}").click()

    async def enter_card(self, number: str) -> None:
        await self.page.get_by_label("Card number").fill(number)
        await self.page.get_by_label("Expiry MM / YY").fill("12 / 34")
        await self.page.get_by_label("CVC").fill("123")

    async def pay(self, number: str) -> None:
        await self.enter_card(number)
        await self.pay_button.click()

    # What the shopper sees.

    async def shows_paid(self, amount: str) -> None:
        await expect(self.page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
        await expect(self.page.locator("#paid-amount")).to_contain_text(amount)
        await expect(self.page.get_by_role("link", name="New cart")).to_be_visible()
        await expect(self.pay_button).to_be_hidden()

    async def says(self, text: str) -> None:
        await expect(self.page.locator("#result")).to_contain_text(text)

    async def lists(self, *attempts: str) -> None:
        """See these attempts, newest first: "Failed Visa 0002"."""
        await expect(self.attempts).to_have_count(len(attempts))
        for row, attempt in zip(await self.attempts.all(), attempts, strict=True):
            for word in attempt.split():
                await expect(row).to_contain_text(word)

    async def shown_id(self) -> str:
        return await self.page.locator("#payment-id").inner_text()

    # What the service and Stripe have of it.

    async def payment(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._get("payment-intent")).json()
        return found

    async def recorded(self) -> list[tuple[str, str | None, str]]:
        """Give status, decline code and PaymentIntent of each attempt, oldest first."""
        newest_first = (await self._get("attempts")).json()["data"]
        return [(entry["status"], entry["decline_code"], entry["payment_intent_id"]) for entry in newest_first[::-1]]

    async def _get(self, path: str) -> httpx.Response:
        return (await self.api.get(f"/v1/carts/{self.cart_id}/{path}")).raise_for_status()

    async def payment_intent(self) -> dict[str, Any]:
        """Give Stripe's only PaymentIntent of this cart."""
        found = await self.stripe.objects("payment_intents")
        [intent] = [intent for intent in found if intent["metadata"].get("reference_id") == self.cart_id]
        return intent

    async def payable(self) -> list[int]:
        """Return the amount of each PaymentIntent or Checkout Session of this cart that a shopper can pay."""
        sessions = await self.stripe.objects("checkout.sessions")
        open_sessions = [
            each["amount_total"]
            for each in sessions
            if each["client_reference_id"] == self.cart_id and each["status"] == "open"
        ]
        of_sessions = {each["payment_intent"] for each in sessions}
        return open_sessions + [
            intent["amount"]
            for intent in await self.stripe.objects("payment_intents")
            if intent["metadata"].get("reference_id") == self.cart_id
            and intent["id"] not in of_sessions
            and intent["status"] in {"requires_payment_method", "requires_confirmation", "requires_action"}
        ]

    async def charges(self) -> list[str]:
        """Give the statuses of all Charges of this cart, oldest first."""
        intent = await self.payment_intent()
        return [
            charge["status"]
            for charge in await self.stripe.objects("charges")
            if charge["payment_intent"] == intent["id"]
        ]
