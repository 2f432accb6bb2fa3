"""stripe.js in a real browser, on a page of another origin."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import stripe
from playwright.async_api import Browser, expect

from sandbox.client import SandboxClient
from tests.sandbox.bare_page import BarePage, needs_chromium
from tests.sandbox.running import PUBLISHABLE_KEY, created

pytestmark = [*needs_chromium, pytest.mark.asyncio(loop_scope="module")]

SHOP = """
<!doctype html><html lang="en"><head><title>Shop</title></head><body>
<div id="card"></div><button id="pay">Pay</button><output id="result"></output>
<script src="{sandbox}/v3/"></script>
<script>
  const stripe = Stripe("{key}");
  const elements = stripe.elements({{clientSecret: "{secret}"}});
  const element = elements.create("{type}");
  const changes = [];
  element.on("change", (change) => changes.push(change));
  element.on("loaderror", ({{error}}) => show({{error}}));
  element.mount("#card");
  const show = ({{paymentIntent, error}}) => {{
    result.textContent = paymentIntent ? paymentIntent.status : `${{error.code}} ${{error.decline_code || ""}}`.trim();
    window.outcome = {{paymentIntent, error}};
  }};
  pay.addEventListener("click", async () => show(await (
    "{type}" === "card"
      ? stripe.confirmCardPayment("{secret}", {{payment_method: {{card: element, billing_details: {{name: "Ada"}}}}}})
      : stripe.confirmPayment({{elements, redirect: "{redirect}", confirmParams: {{return_url: location.href}}}}))));
</script></body></html>
"""


class Shop:
    """One page of a shop, for one PaymentIntent."""

    def __init__(self, bare: BarePage, client: stripe.StripeClient, sandbox: str) -> None:
        self.page = bare.page
        self._bare = bare
        self._client = client
        self._sandbox = sandbox
        self.intent_id = ""

    async def open(self, type: str = "card", redirect: str = "if_required") -> None:  # noqa: A002  Stripe's word
        intent = await asyncio.to_thread(self._client.v1.payment_intents.create, {"amount": 1099, "currency": "eur"})
        self.intent_id = intent.id
        await self.show(str(intent.client_secret), type, redirect)

    async def show(self, secret: str, type: str = "card", redirect: str = "if_required") -> None:  # noqa: A002  Stripe's word
        parts = {"sandbox": self._sandbox, "key": PUBLISHABLE_KEY, "secret": secret, "type": type, "redirect": redirect}
        await self._bare.show(SHOP.format(**parts))

    async def pay(self, number: str, expiry: str = "12 / 34", cvc: str = "123") -> None:
        await self.page.get_by_label("Card number").press_sequentially(number)
        await self.page.get_by_placeholder("MM / YY").press_sequentially(expiry.replace(" / ", ""))
        await self.page.get_by_label("CVC").press_sequentially(cvc)
        await self.page.get_by_role("button", name="Pay").click()

    async def shows(self, text: str) -> None:
        await expect(self.page.locator("#result")).to_have_text(text)

    async def press(self, name: str) -> None:
        dialog = self.page.get_by_role("dialog", name="3D Secure authentication")
        await dialog.get_by_role("button", name=name).click()


@pytest_asyncio.fixture(loop_scope="module")
async def control(url: str) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(url) as control:
        yield control


@pytest_asyncio.fixture(loop_scope="module")
async def shop(bare: BarePage, client: stripe.StripeClient, url: str) -> AsyncIterator[Shop]:
    shop = Shop(bare, client, url)
    yield shop
    if directory := os.environ.get("SANDBOX_SCREENSHOTS"):
        await shop.page.screenshot(path=Path(directory) / f"{shop.intent_id}.png")


async def test_a_typed_card_pays(shop: Shop, control: SandboxClient) -> None:
    await shop.open()
    await shop.pay("4242424242424242")
    await shop.shows("succeeded")
    (intent,) = await control.objects("payment_intents")
    assert intent["amount_received"] == 1099
    (charge,) = await control.objects("charges")
    assert charge["billing_details"]["name"] == "Ada"
    changes = await shop.page.evaluate("changes")
    assert [change["complete"] for change in changes[-1:]] == [True]
    assert changes[-1]["brand"] == "visa"


async def test_a_declined_card_gives_the_decline_code_and_another_card_pays(shop: Shop) -> None:
    await shop.open()
    await shop.pay("4000000000009995")
    await shop.shows("card_declined insufficient_funds")
    outcome = await shop.page.evaluate("outcome")
    assert outcome["error"]["payment_intent"]["status"] == "requires_payment_method"
    assert "metadata" not in outcome["error"]["payment_intent"]
    await shop.page.get_by_label("Card number").fill("5555555555554444")
    await shop.page.get_by_role("button", name="Pay").click()
    await shop.shows("succeeded")


@pytest.mark.parametrize(
    ("button", "result"),
    [
        ("Complete authentication", "succeeded"),
        ("Fail authentication", "payment_intent_authentication_failure"),
        ("Close", "payment_intent_authentication_failure"),
    ],
)
async def test_the_dialog_decides_a_challenge(shop: Shop, button: str, result: str) -> None:
    await shop.open()
    await shop.pay("4000000000003220")
    await shop.press(button)
    await shop.shows(result)


async def test_escape_closes_the_dialog_and_fails_the_challenge(shop: Shop, control: SandboxClient) -> None:
    await shop.open()
    await shop.pay("4000002760003184")
    await expect(shop.page.get_by_role("button", name="Complete authentication")).to_be_focused()
    await shop.page.keyboard.press("Escape")
    await shop.shows("payment_intent_authentication_failure")
    assert len(await control.events("payment_intent.payment_failed")) == 1
    assert await control.count("charges") == 0


async def test_a_decline_after_the_challenge_is_an_error(shop: Shop) -> None:
    await shop.open()
    await shop.pay("4000008260003178")
    await shop.press("Complete authentication")
    await shop.shows("card_declined insufficient_funds")


async def test_an_incomplete_form_asks_nobody(shop: Shop, control: SandboxClient) -> None:
    await shop.open()
    await control.clear_requests()
    await shop.pay("42424242")
    await shop.shows("incomplete_number")
    assert await control.requests() == []


async def test_a_wrong_number_is_marked_for_screen_readers(shop: Shop) -> None:
    await shop.open()
    await shop.pay("4242424242424241")
    await shop.shows("invalid_number")
    await expect(shop.page.get_by_label("Card number")).to_have_attribute("aria-invalid", "true")


async def test_the_payment_element_pays(shop: Shop) -> None:
    await shop.open("payment")
    await shop.pay("4242424242424242")
    await shop.shows("succeeded")


async def test_the_payment_element_leads_to_the_return_url(shop: Shop) -> None:
    await shop.open("payment", redirect="always")
    await shop.pay("4242424242424242")
    await shop.page.wait_for_url("**/?payment_intent=*redirect_status=succeeded")


async def test_the_payment_element_does_not_start_for_a_paid_payment_intent(shop: Shop, control: SandboxClient) -> None:
    await shop.open()
    await control.confirm(shop.intent_id)
    (intent,) = await control.objects("payment_intents")
    await shop.show(intent["client_secret"], "payment")
    await shop.shows("payment_intent_unexpected_state")


async def test_the_next_action_of_a_server_side_confirm_is_handled(shop: Shop, client: stripe.StripeClient) -> None:
    await shop.open()
    confirmed = await asyncio.to_thread(
        client.v1.payment_intents.confirm,
        shop.intent_id,
        {
            "payment_method": "pm_card_threeDSecure2Required",
            "use_stripe_sdk": True,
            "return_url": "https://shop.example/",
        },
    )
    assert confirmed.next_action is not None
    assert confirmed.next_action.type == "use_stripe_sdk"
    await shop.page.evaluate(
        "(clientSecret) => { stripe.handleNextAction({clientSecret}).then(show); }", confirmed.client_secret
    )
    await shop.press("Complete authentication")
    await shop.shows("succeeded")


async def test_a_redirect_leads_through_the_challenge_and_back(
    shop: Shop, bare: BarePage, client: stripe.StripeClient
) -> None:
    await shop.open()
    confirmed = await asyncio.to_thread(
        client.v1.payment_intents.confirm,
        shop.intent_id,
        {"payment_method": "pm_card_threeDSecure2Required", "return_url": f"{bare.origin}?order=1"},
    )
    assert confirmed.next_action is not None
    assert confirmed.next_action.redirect_to_url is not None
    await shop.page.goto(str(confirmed.next_action.redirect_to_url.url))
    await shop.page.get_by_role("button", name="Complete authentication").click()
    await shop.page.wait_for_url("**/?order=1&payment_intent=*redirect_status=succeeded")


async def test_the_front_page_shows_what_happened_live_and_can_refund(
    browser: Browser, url: str, client: stripe.StripeClient, control: SandboxClient
) -> None:
    page = await browser.new_page()
    await page.goto(url)
    intent = created(client)
    await control.confirm(intent.id)
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=intent.id, exact=True)).first
    await expect(row.get_by_role("cell", name="succeeded")).to_be_visible()
    await row.get_by_role("button", name="Refund").click()
    await expect(page.get_by_role("cell", name="refund.created")).to_be_visible()
    assert await control.count("refunds") == 1
    assert str(intent.client_secret) not in await page.content()
    assert "_secret_" not in await (await page.request.get(f"{url}/_sandbox/overview")).text()
    if directory := os.environ.get("SANDBOX_SCREENSHOTS"):
        await page.screenshot(path=Path(directory) / "front.png")
    await page.close()
