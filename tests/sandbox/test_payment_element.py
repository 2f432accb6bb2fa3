"""The Payment Element, Checkout Sessions and what follows a confirm, by stripe.js in a real browser."""

import json
import re
from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
import stripe
from playwright.async_api import Page, Route, expect

from sandbox.client import SandboxClient
from tests.sandbox.bare_page import BarePage, needs_chromium
from tests.sandbox.running import PUBLISHABLE_KEY, TEA, created, opened

pytestmark = [*needs_chromium, pytest.mark.asyncio(loop_scope="module")]

HTML = """<!doctype html><html lang="en"><head><title>Shop</title></head><body><div id="payment"></div>
<script src="{url}/endive/stripe.js"></script><script>
  const stripe = Stripe("{key}");
  const here = location.href;
  const start = (options) => {{
    window.elements = stripe.elements(options);
    elements.create("payment").mount("#payment");
  }};
  const confirm = (options) => stripe.confirmPayment({{elements, redirect: "if_required", ...options}});
  const checkOut = async (clientSecret) => {{
    window.changes = [];
    window.checkout = stripe.initCheckoutElementsSdk({{clientSecret}});
    checkout.on("change", (session) => changes.push(session));
    checkout.createPaymentElement().mount("#payment");
    window.actions = (await checkout.loadActions()).actions;
  }};
</script></body></html>"""
DEFERRED = {"mode": "payment", "amount": 1000, "currency": "eur"}


@pytest_asyncio.fixture(loop_scope="module")
async def control(url: str) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(url) as control:
        yield control


@pytest_asyncio.fixture(loop_scope="module")
async def page(bare: BarePage, url: str) -> Page:
    await bare.show(HTML.format(url=url, key=PUBLISHABLE_KEY))
    return bare.page


async def fill_card(page: Page, number: str = "4242424242424242") -> None:
    await page.get_by_label("Card number").fill(number)
    await page.get_by_label("Expiry").fill("1234")
    await page.get_by_label("CVC").fill("123")


async def do(page: Page, script: str, argument: Any = None) -> Any:
    """Run the page's own script, and return what it resolves to or the message of what it throws."""
    return await page.evaluate(
        f"async (given) => {{ try {{ return {script} }} catch (e) {{ return e.message }} }}", argument
    )


async def answered(page: Page, next_action: dict[str, Any]) -> None:
    """Answer the next confirm with a PaymentIntent that waits for the shopper."""

    async def answer(route: Route) -> None:
        intent = {"id": "pi_1", "client_secret": "pi_1_secret_1", "amount": 1000, "currency": "eur"}
        body = {**intent, "object": "payment_intent", "status": "requires_action", "next_action": next_action}
        await route.fulfill(body=json.dumps(body), headers={"Access-Control-Allow-Origin": "*"})

    await page.route("**/v1/payment_intents/*/confirm", answer)


async def test_the_shopper_chooses_among_the_types_of_the_payment_intent(
    page: Page, client: stripe.StripeClient, control: SandboxClient
) -> None:
    intent = await to_thread(created, client, currency="usd")
    await do(page, "start(given)", {"clientSecret": intent.client_secret})
    choice = page.get_by_role("radiogroup", name="Payment method")
    await expect(choice.get_by_role("radio", name="Card")).to_be_checked()
    await expect(page.get_by_text("Total: $10.00")).to_be_visible()
    await choice.get_by_role("radio", name="US bank account").check()
    await expect(page.get_by_label("Card number")).to_have_count(0)
    assert (await do(page, "await elements.submit()"))["error"]["code"] == "incomplete_field"
    for label, text in {"Full name": "Ada", "Email": "ada@example.com", "Routing number": "110000000"}.items():
        await page.get_by_label(label).fill(text)
    await page.get_by_label("Account number").fill("000123456789")
    assert await do(page, "await elements.submit()") == {"selectedPaymentMethod": "us_bank_account"}
    await do(page, "await confirm({})")
    sent = (await control.requests())[-1]["params"]
    assert sent["payment_method_data"] == {
        "type": "us_bank_account",
        "billing_details": {"name": "Ada", "email": "ada@example.com"},
        "us_bank_account": {
            "account_holder_type": "individual",
            "routing_number": "110000000",
            "account_number": "000123456789",
        },
    }
    assert sent["mandate_data"]["customer_acceptance"]["online"] == {"infer_from_client": "true"}


async def test_one_type_leaves_no_choice_and_a_new_amount_is_fetched(page: Page, client: stripe.StripeClient) -> None:
    intent = await to_thread(created, client)
    await do(page, "start(given)", {"clientSecret": intent.client_secret})
    await fill_card(page)
    await expect(page.get_by_role("radio")).to_have_count(0)
    await to_thread(client.v1.payment_intents.update, intent.id, {"amount": 1200})
    await expect(page.get_by_text("Total: €10.00")).to_be_visible()
    assert await do(page, "await elements.fetchUpdates()") == {}
    await expect(page.get_by_text("Total: €12.00")).to_be_visible()
    assert (await do(page, "await confirm({})"))["paymentIntent"]["amount"] == 1200


async def test_what_is_paid_for_later_is_confirmed_with_the_payment_intent_made_then(
    page: Page, client: stripe.StripeClient
) -> None:
    await do(page, "start(given)", {**DEFERRED, "amount": 900})
    await fill_card(page)
    await do(page, "elements.update({amount: 1000})")
    await expect(page.get_by_text("Total: €10.00")).to_be_visible()
    intent = await to_thread(created, client)
    secret = {"clientSecret": intent.client_secret}
    assert "clientSecret" in await do(page, "await confirm({})")
    assert "elements.submit() must be called" in await do(page, "await confirm(given)", secret)
    assert await do(page, "await elements.submit()") == {"selectedPaymentMethod": "card"}
    assert (await do(page, "await confirm(given)", secret))["paymentIntent"]["status"] == "succeeded"


async def test_a_payment_intent_over_something_else_is_not_confirmed(
    page: Page, client: stripe.StripeClient, control: SandboxClient
) -> None:
    await do(page, "start(given)", DEFERRED)
    await fill_card(page)
    await do(page, "await elements.submit()")
    for param, value in (
        ("amount", 1001),
        ("currency", "usd"),
        ("capture_method", "manual"),
        ("setup_future_usage", "off_session"),
    ):
        intent = await to_thread(created, client, **{param: value})
        error = (await do(page, "await confirm(given)", {"clientSecret": intent.client_secret}))["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert await control.count("charges") == 0


async def test_a_confirmation_token_carries_what_is_typed(page: Page) -> None:
    forms: list[dict[str, list[str]]] = []

    async def answer(route: Route) -> None:
        forms.append(parse_qs(route.request.post_data or ""))
        await route.fulfill(body='{"id": "ctoken_1"}', headers={"Access-Control-Allow-Origin": "*"})

    await page.route("**/v1/confirmation_tokens", answer)
    await do(page, "start(given)", {**DEFERRED, "setupFutureUsage": "off_session"})
    await fill_card(page)
    await do(page, "await elements.submit()")
    params = {"return_url": "https://shop.example/", "payment_method_data": {"billing_details": {"name": "Ada"}}}
    token = await do(page, "await stripe.createConfirmationToken({elements, params: given})", params)
    assert token == {"confirmationToken": {"id": "ctoken_1"}}
    (form,) = forms
    assert form["payment_method_data[card][number]"] == ["4242424242424242"]
    assert form["payment_method_data[billing_details][name]"] == ["Ada"]
    assert (form["setup_future_usage"], form["return_url"]) == (["off_session"], ["https://shop.example/"])
    assert form["key"] == [PUBLISHABLE_KEY]


async def test_a_confirm_with_a_token_sends_no_typed_data(
    page: Page, client: stripe.StripeClient, control: SandboxClient
) -> None:
    intent = await to_thread(created, client)
    await do(page, "start(given)", {"clientSecret": intent.client_secret})
    await fill_card(page)
    await do(page, "await confirm({confirmParams: {confirmation_token: 'ctoken_1'}})")
    sent = (await control.requests())[-1]["params"]
    assert sent["confirmation_token"] == "ctoken_1"
    assert "payment_method_data" not in sent


async def test_a_voucher_is_shown_before_the_page_goes_on(page: Page, client: stripe.StripeClient) -> None:
    intent = await to_thread(created, client)
    await do(page, "start(given)", {"clientSecret": intent.client_secret})
    await fill_card(page)
    details = {"hosted_voucher_url": "https://vouchers.example/1"}
    await answered(page, {"type": "boleto_display_details", "boleto_display_details": details})
    await page.evaluate("() => { confirm({redirect: 'always', confirmParams: {return_url: here}}) }")
    dialog = page.get_by_role("dialog", name="Payment instructions")
    await expect(dialog.get_by_role("link")).to_have_attribute("href", "https://vouchers.example/1")
    await dialog.get_by_role("button", name="Done").click()
    await page.wait_for_url("**/?payment_intent=pi_1*redirect_status=pending")


@pytest.mark.parametrize(
    ("kind", "details", "place"),
    [
        ("redirect_to_url", {"url": "{origin}?bank=1"}, "**/?bank=1"),
        ("verify_with_microdeposits", {}, "**/?payment_intent=pi_1*redirect_status=pending"),
    ],
)
async def test_the_page_leads_where_the_next_action_says(
    page: Page, bare: BarePage, client: stripe.StripeClient, kind: str, details: dict[str, str], place: str
) -> None:
    intent = await to_thread(created, client)
    await do(page, "start(given)", {"clientSecret": intent.client_secret})
    await fill_card(page)
    await answered(
        page, {"type": kind, kind: {name: text.format(origin=bare.origin) for name, text in details.items()}}
    )
    await page.evaluate("() => { confirm({redirect: 'always', confirmParams: {return_url: here}}) }")
    await page.wait_for_url(place)


async def test_a_session_is_paid_in_the_shops_page_after_a_decline_and_a_change(
    page: Page, client: stripe.StripeClient, control: SandboxClient
) -> None:
    session = await to_thread(opened, client, "elements")
    await do(page, "await checkOut(given)", session.client_secret)
    await fill_card(page, "4000000000009995")
    assert (await do(page, "actions.getSession()"))["canConfirm"] is False
    await do(page, "await actions.updateEmail('ada@example.com')")
    shown = await do(page, "actions.getSession()")
    assert (shown["canConfirm"], shown["total"]["total"]) == (True, {"minorUnitsAmount": 1000, "amount": "€10.00"})
    declined = await do(page, "await actions.confirm({redirect: 'if_required'})")
    assert declined["error"]["paymentFailed"] == {"declineCode": "insufficient_funds"}
    more: Any = {"line_items": [{**TEA, "quantity": 3}]}
    await to_thread(client.v1.checkout.sessions.update, session.id, more)
    await do(page, "await actions.runServerUpdate(async () => {})")
    await expect(page.get_by_text("Total: €15.00")).to_be_visible()
    await fill_card(page, "4000000000003220")
    await page.evaluate(
        "() => { actions.confirm({redirect: 'if_required'}).then((result) => { window.result = result }) }"
    )
    await page.get_by_role("button", name="Complete authentication").click()
    await page.wait_for_function("window.result")
    assert (await do(page, "result"))["session"]["status"] == {"type": "complete", "paymentStatus": "paid"}
    (intent,) = await control.objects("payment_intents")
    assert intent["amount_received"] == 1500


async def test_a_session_is_complete_once_the_shopper_has_seen_the_voucher(
    page: Page, client: stripe.StripeClient
) -> None:
    session = await to_thread(opened, client, "elements", allowed_payment_method_types=["multibanco"])
    await do(page, "await checkOut(given)", session.client_secret)
    await page.get_by_label("Email").fill("ada@example.com")
    await page.evaluate(
        "() => { actions.confirm({redirect: 'if_required'}).then((result) => { window.result = result }) }"
    )
    dialog = page.get_by_role("dialog", name="Payment instructions")
    await expect(dialog.get_by_role("link")).to_have_attribute("href", re.compile("/_sandbox/pay/multibanco/"))
    await dialog.get_by_role("button", name="Done").click()
    await page.wait_for_function("window.result")
    assert (await do(page, "result"))["session"]["status"] == {"type": "complete", "paymentStatus": "unpaid"}


async def test_a_session_takes_the_mandate_of_a_debit_from_the_shopper(
    page: Page, client: stripe.StripeClient, control: SandboxClient
) -> None:
    session = await to_thread(opened, client, "elements", allowed_payment_method_types=["sepa_debit"])
    await do(page, "await checkOut(given)", session.client_secret)
    typed = {"Full name": "Ada", "Email": "ada@example.com", "IBAN": "AT611904300234573201"}
    for label, text in typed.items():
        await page.get_by_label(label).fill(text)
    await do(page, "await actions.confirm({redirect: 'if_required', email: 'ada@example.com'})")
    (charge,) = await control.objects("charges")
    assert charge["payment_method_details"]["sepa_debit"]["mandate"].startswith("mandate_")


async def test_a_paid_session_leads_to_its_return_url(page: Page, bare: BarePage, client: stripe.StripeClient) -> None:
    place = f"{bare.origin}?session={{CHECKOUT_SESSION_ID}}"
    session = await to_thread(opened, client, "elements", return_url=place, customer_email="ada@example.com")
    await do(page, "await checkOut(given)", session.client_secret)
    await fill_card(page)
    await page.evaluate("() => { actions.confirm() }")
    await page.wait_for_url(f"**/?session={session.id}")


async def test_a_session_of_another_mode_has_no_elements(page: Page, client: stripe.StripeClient) -> None:
    session = await to_thread(opened, client, "embedded_page")
    result = await do(
        page, "await stripe.initCheckoutElementsSdk({clientSecret: given}).loadActions()", session.client_secret
    )
    assert (result["type"], "embedded_page" in result["error"]["message"]) == ("error", True)


async def test_an_embedded_page_is_paid_in_its_frame(page: Page, bare: BarePage, client: stripe.StripeClient) -> None:
    place = f"{bare.origin}?session={{CHECKOUT_SESSION_ID}}"
    session = await to_thread(opened, client, "embedded_page", return_url=place)
    mount = "(await stripe.createEmbeddedCheckoutPage({fetchClientSecret: async () => given})).mount('#payment')"
    await do(page, mount, session.client_secret)
    frame = page.frame_locator("iframe[title=Checkout]")
    for label, text in {"Email": "ada@example.com", "Name on card": "Ada", "Card number": "4000000000003220"}.items():
        await frame.get_by_label(label).fill(text)
    await frame.get_by_label("MM / YY").fill("12 / 34")
    await frame.get_by_label("CVC").fill("123")
    await frame.get_by_role("button", name="Pay").click()
    await frame.get_by_role("button", name="Complete authentication").click()
    await page.wait_for_url(f"**/?session={session.id}")
    assert (await to_thread(client.v1.checkout.sessions.retrieve, session.id)).payment_status == "paid"
