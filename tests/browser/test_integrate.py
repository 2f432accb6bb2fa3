"""The pages of docs/integrate.md work as they stand there: with Stripe's script, a form, and what the backend gave."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.checkout_page import CHALLENGED, GOOD
from tests.docs.pages import read
from tests.sandbox.bare_page import BarePage, served
from tests.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

THANKS = "https://shop.example/thanks"
HTML = """<!doctype html><html lang="en"><head><title>Shop</title><script src="{sandbox_url}/v3/"></script></head><body>
<form id="form"><label>Receipt <input id="email"></label><div id="payment"></div><button>Pay</button></form>
<p id="message"></p></body></html>"""


class DocsPage:
    def __init__(self, bare: BarePage, api: httpx.AsyncClient, stack: Stack, cart_id: str) -> None:
        self.page = bare.page
        self._bare = bare
        self.cart_id = cart_id
        self._api = api
        self._stack = stack

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await self._api.request(method, f"/v1/carts/{self.cart_id}/{path}", json=body)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def put(self, amount: int) -> dict[str, Any]:
        return await self.call("PUT", "payment-intent", {"amount": amount, "currency": "eur"})

    async def put_session(self, ui_mode: str, amount: int) -> dict[str, Any]:
        items = [{"name": "Mug", "unit_amount": amount}]
        owed = {"currency": "eur", "line_items": items, "ui_mode": ui_mode, "return_url": THANKS}
        session: dict[str, Any] = (await self.call("PUT", "checkout-session", owed))["checkout"]
        return session

    async def show(self, example: str, **given: Any) -> None:
        """Open a page with an example's script, which finds what it is given as names of its own."""
        found = re.search(rf"```js {example}\n(.*?)```", read("docs/integrate.md"), re.DOTALL)
        assert found, f"there is no example {example}"
        await self._bare.show(HTML.format(sandbox_url=self._stack.sandbox_url))
        names = {"publishableKey": self._stack.publishable_key, "service": self._stack.api_url, **given}
        await self.page.evaluate("(names) => Object.assign(window, names)", names)
        await self.page.add_script_tag(content=found[1], type="module")

    async def pay(self, number: str = GOOD) -> None:
        for label, text in {"Card number": number, "Expiry MM / YY": "1234", "CVC": "123"}.items():
            await self.page.get_by_label(label).fill(text)
        await self.page.get_by_role("button", name="Pay").click()

    async def amount_received(self) -> int:
        return int((await self.call("GET", "payment-intent?sync=true"))["amount_received"])


@pytest_asyncio.fixture(loop_scope="session")
async def docs_page(
    browser: Browser, api: httpx.AsyncClient, stack: Stack, request: pytest.FixtureRequest
) -> AsyncIterator[DocsPage]:
    async with served(browser) as bare:
        await bare.page.route(f"{THANKS}*", lambda route: route.fulfill(body="Thanks"))
        yield DocsPage(bare, api, stack, f"docs-{request.node.name}")


async def test_the_payment_element(docs_page: DocsPage) -> None:
    made = await docs_page.put(1000)
    await docs_page.show("payment-element", clientSecret=made["client_secret"])
    await expect(docs_page.page.get_by_text("Total: €10.00")).to_be_visible()
    await docs_page.put(1200)
    await docs_page.page.evaluate("cartHasChanged()")
    await expect(docs_page.page.get_by_text("Total: €12.00")).to_be_visible()
    await docs_page.pay()
    await docs_page.page.wait_for_url(f"{THANKS}?*redirect_status=succeeded")
    assert await docs_page.amount_received() == 1200


async def test_the_card_element(docs_page: DocsPage) -> None:
    made = await docs_page.put(1000)
    await docs_page.show("card-element", clientSecret=made["client_secret"])
    await docs_page.pay()
    await expect(docs_page.page.locator("#message")).to_have_text("succeeded")


async def test_the_confirm(docs_page: DocsPage) -> None:
    await docs_page.put(1000)
    token = (await docs_page.call("POST", "checkout-token"))["token"]
    given = {"amount": 900, "cart_version": None, "cartId": docs_page.cart_id, "checkoutToken": token}
    message = docs_page.page.locator("#message")
    await docs_page.show("confirm", **given)
    await docs_page.pay()
    await expect(message).to_have_text("It is 1000 now. Pay that?")
    await docs_page.show("confirm", **given | {"amount": 1000})
    await docs_page.pay(CHALLENGED)
    await docs_page.page.get_by_role("button", name="Complete authentication").click()
    await expect(docs_page.page.get_by_role("dialog")).to_have_count(0)
    assert await docs_page.amount_received() == 1000


async def test_the_elements_of_a_checkout_session(docs_page: DocsPage) -> None:
    session = await docs_page.put_session("elements", 1000)
    await docs_page.show("checkout-elements", clientSecret=session["client_secret"])
    await expect(docs_page.page.get_by_text("Total: €10.00")).to_be_visible()
    changed = await docs_page.put_session("elements", 1200)
    assert changed["client_secret"] == session["client_secret"]
    await docs_page.page.evaluate("changeCart(async () => {})")
    await expect(docs_page.page.get_by_text("Total: €12.00")).to_be_visible()
    await docs_page.page.get_by_label("Receipt").fill("ada@example.com")
    await docs_page.pay()
    await docs_page.page.wait_for_url(THANKS)
    assert await docs_page.amount_received() == 1200


async def test_the_embedded_page(docs_page: DocsPage) -> None:
    session = await docs_page.put_session("embedded_page", 1000)
    await docs_page.show("embedded", clientSecret=session["client_secret"])
    frame = docs_page.page.frame_locator("iframe[title=Checkout]")
    typed = {"Email": "ada@example.com", "Name on card": "Ada", "Card number": GOOD, "MM / YY": "12 / 34", "CVC": "123"}
    for label, text in typed.items():
        await frame.get_by_label(label).fill(text)
    await frame.get_by_role("button", name="Pay").click()
    await docs_page.page.wait_for_url(THANKS)
    assert await docs_page.amount_received() == 1000
