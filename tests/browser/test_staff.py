"""The staff's page in a browser: a refund by a click."""

import base64

import httpx
import pytest
from playwright.async_api import Page, expect

from sandbox.client import SandboxClient
from tests.browser.checkout_page import CheckoutPage
from tests.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _open_paid(
    checkout: CheckoutPage, page: Page, api: httpx.AsyncClient, stripe: SandboxClient, stack: Stack
) -> str:
    """Show the staff a paid order; return Stripe's id of its PaymentIntent."""
    intent = (await api.get(f"/v1/carts/{checkout.cart_id}/payment-intent")).json()
    await stripe.confirm(intent["stripe_id"])
    await stripe.wait_idle()
    known = base64.b64encode(b"staff:staff").decode()
    await page.set_extra_http_headers({"Authorization": f"Basic {known}"})
    await page.goto(f"{stack.shop_url}/staff/carts/{checkout.cart_id}")
    await expect(page.get_by_label("Give back")).to_have_value("24.50")
    return str(intent["stripe_id"])


async def test_the_staff_gives_back_a_part_then_the_rest(
    checkout: CheckoutPage, page: Page, api: httpx.AsyncClient, stripe: SandboxClient, stack: Stack
) -> None:
    stripe_id = await _open_paid(checkout, page, api, stripe, stack)
    await page.get_by_label("Give back").fill("4.50")
    await page.get_by_role("button", name="Refund").dblclick()
    await expect(page.locator("#payment")).to_contain_text("refunded €4.50")
    await expect(page.get_by_label("Give back")).to_have_value("20.00")
    await page.get_by_role("button", name="Refund").click()
    await expect(page.locator("#payment")).to_contain_text("refunded €24.50")
    await expect(page.get_by_role("button", name="Refund")).to_be_hidden()
    await expect(page.locator("#refunds .badge")).to_have_text(["Refunded", "Refunded"])
    charges = await stripe.objects("charges")
    assert [each["amount_refunded"] for each in charges if each["payment_intent"] == stripe_id] == [2450]


async def test_what_happens_meanwhile_is_shown_and_what_was_typed_stays(
    checkout: CheckoutPage, page: Page, api: httpx.AsyncClient, stripe: SandboxClient, stack: Stack
) -> None:
    stripe_id = await _open_paid(checkout, page, api, stripe, stack)
    await expect(page.locator("#shipped")).to_contain_text("Shipped")
    await page.get_by_label("Give back").fill("4.50")
    await stripe.dashboard_refund(stripe_id, 100)
    await expect(page.locator("#timeline")).to_contain_text("Refunded")
    await expect(page.locator("#refunds .badge")).to_have_text(["Refunded"])
    await expect(page.get_by_label("Give back")).to_have_value("4.50")
