"""The console in a browser: beside the shop, without scripts, for everybody, on a phone and in the dark."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from app.auth.person import Person
from app.auth.scopes import Role
from app.console.sessions import open_session
from app.db.engine import open_database
from app.settings import DatabaseSettings
from sandbox.client import SandboxClient
from tests.browser.checkout_page import CHALLENGED, DECLINED, GOOD, CheckoutPage
from tests.browser.conftest import PATIENCE_MS
from tests.stack import Stack
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

# With SCREENSHOTS=1 the picture in README.md is made anew.
PICTURE = Path(__file__).parents[2] / "docs" / "console.png"

SignIn = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def sign_in(browser: Browser, stack: Stack) -> AsyncIterator[SignIn]:
    """Sign somebody in, in a window of their own."""
    contexts: list[BrowserContext] = []

    async def open_window(role: Role = "support", name: str = "grace", **options: object) -> Page:
        settings = DatabaseSettings.model_validate({"database_url": stack.database_url})
        async with open_database(settings) as database:
            person = Person(f"sub-{name}", name, role)
            link = await open_session(database, person, lifetime=settings.database_statement_timeout * 60, is_link=True)
        context = await browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options)  # type: ignore[arg-type] # Playwright's own names
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        await page.goto(f"{stack.api_url}/console/sign-in/link?token={link}")
        return page

    yield open_window
    for context in contexts:
        await context.close()


async def open_payment(console: Page, stack: Stack, checkout: CheckoutPage) -> None:
    """Find the shop's cart by its id, as a person would, and open its page."""
    await console.goto(f"{stack.api_url}/console")
    await console.get_by_label("Search").fill(checkout.cart_id)
    await console.keyboard.press("Enter")
    await console.locator("td.amount a").click()
    await expect(console.get_by_role("heading", name="What happened")).to_be_visible()


async def test_a_declined_and_a_3ds_payment_appear_while_the_shopper_pays(
    checkout: CheckoutPage, sign_in: SignIn, stack: Stack
) -> None:
    console = await sign_in()
    await open_payment(console, stack, checkout)
    await expect(console.get_by_text("Live", exact=True)).to_be_visible()
    await expect(console.locator(".pill.big")).to_have_text("Not paid")

    await checkout.pay(DECLINED)
    await expect(console.get_by_text("Attempt failed", exact=True)).to_be_visible()
    await expect(console.locator(".hero")).to_contain_text("The bank declined the card and gave no reason.")

    await checkout.pay(CHALLENGED)
    await expect(console.locator(".pill.big")).to_have_text("Shopper must confirm")
    await checkout.challenge.get_by_role("button", name="Complete").click()
    await checkout.shows_paid("€24.50")
    await expect(console.locator(".pill.big")).to_have_text("Paid")
    await expect(console.get_by_role("status")).to_have_text("Paid")
    await expect(console.locator(".story")).to_contain_text("3D Secure: authenticated")


async def test_a_refund_above_the_limit_is_refused_and_one_below_it_is_in_the_timeline_with_the_name(
    checkout: CheckoutPage, sign_in: SignIn, stack: Stack, stripe: SandboxClient
) -> None:
    await checkout.one_more("Stoneware mug", times=3)
    await expect(checkout.pay_button).to_have_text("Pay €78.50")
    await checkout.pay(GOOD)
    await checkout.shows_paid("€78.50")
    refunder, watcher = await sign_in("refunder", name="ada"), await sign_in()
    await open_payment(refunder, stack, checkout)
    await open_payment(watcher, stack, checkout)
    payment = refunder.url

    async def refund(amount: str) -> None:
        await refunder.goto(payment)
        await refunder.get_by_role("link", name="Refund", exact=True).click()
        await refunder.get_by_label("Amount in EUR").fill(amount)
        await refunder.get_by_label("Reason").select_option("The goods came back")
        await refunder.get_by_role("button", name="Continue").click()
        await refunder.get_by_role("button", name=f"Refund EUR {amount}").click()

    await refund("50.01")
    await expect(refunder.get_by_role("heading", name="Above your limit")).to_be_visible()
    await refund("12.00")
    await expect(refunder.locator(".story")).to_contain_text("ordered a refund of EUR 12.00. Reason: returned.")
    await expect(watcher.locator(".story")).to_contain_text("ordered a refund of EUR 12.00.")
    await expect(watcher.locator(".story")).to_contain_text("by ada")
    await expect(watcher.locator(".pill.big")).to_have_text("Partly refunded")
    charges = [
        each
        for each in await stripe.objects("charges")
        if each["payment_intent"] == (await checkout.payment_intent())["id"]
    ]
    assert [charge["amount_refunded"] for charge in charges] == [1200]


async def test_a_payment_is_found_by_its_card_and_amount(checkout: CheckoutPage, sign_in: SignIn, stack: Stack) -> None:
    await checkout.pay(GOOD)
    await checkout.shows_paid("€24.50")
    console = await sign_in()
    await console.goto(f"{stack.api_url}/console?q=4242+24.50")
    await expect(console.get_by_role("row").filter(has_text=checkout.cart_id)).to_be_visible()


async def test_everything_but_the_live_parts_works_without_scripts(
    checkout: CheckoutPage, sign_in: SignIn, stack: Stack
) -> None:
    await checkout.pay(GOOD)
    await checkout.shows_paid("€24.50")
    console = await sign_in("operator", java_script_enabled=False)
    await open_payment(console, stack, checkout)
    await console.get_by_role("link", name="Refund", exact=True).click()
    await console.get_by_label("Reason").select_option("It was paid twice")
    await console.get_by_role("button", name="Continue").click()
    await console.get_by_role("button", name="Refund EUR 24.50").click()
    await expect(console.locator(".pill.big")).to_have_text("Refunded")
    await console.get_by_role("button", name="Sign out").click()
    await expect(console.get_by_role("heading", name="Sign in")).to_be_visible()


async def some_payments(api: httpx.AsyncClient, stripe: SandboxClient) -> str:
    """Leave payments in several states; return our id of the one with the longest story."""
    cards: dict[str, tuple[list[str], dict[str, Any]]] = {
        "order-7301": (["pm_card_visa_chargeDeclined", "pm_card_visa"], {"amount": 2450, "description": "Two mugs"}),
        "order-7302": (["pm_card_visa_chargeDeclinedInsufficientFunds"], {"amount": 18900, "currency": "usd"}),
        "order-7303": (["pm_card_visa"], {"amount": 12000, "capture_method": "manual"}),
        "order-7304": ([], {"amount": 990, "currency": "gbp"}),
        "order-7306": (["pm_card_createDispute"], {"amount": 9900}),
    }
    for cart, (methods, terms) in cards.items():
        made = (await api.put(f"/v1/carts/{cart}/payment-intent", json={"currency": "eur"} | terms)).json()
        for method in methods:
            await stripe.confirm(made["stripe_id"], method)
    await stripe.wait_idle()

    async def is_paid() -> bool:
        return bool((await api.get("/v1/carts/order-7301/payment-intent")).json()["status"] == "succeeded")

    await until(is_paid, "the payment is recorded")
    headers = {"Idempotency-Key": "picture"}
    await api.post("/v1/carts/order-7301/refunds", json={"amount": 650}, headers=headers)
    await stripe.wait_idle()
    return str((await api.get("/v1/carts/order-7301/payment-intent")).json()["id"])


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
async def test_axe_finds_nothing_on_any_page_and_a_phone_needs_no_sideways_scrolling(
    scheme: str, sign_in: SignIn, stack: Stack, api: httpx.AsyncClient, stripe: SandboxClient, tmp_path: Path
) -> None:
    payment = await some_payments(api, stripe)
    console = await sign_in("operator", color_scheme=scheme)
    pages = {
        "find": "/console",
        "filters": "/console?currency=eur",
        "nothing": "/console?q=none-such",
        "worklist": "/console/worklist",
        "now": "/console/now",
        "refunds": "/console/refunds",
        "disputes": "/console/disputes",
        "payment": f"/console/payments/{payment}",
        "refund": f"/console/payments/{payment}/refund",
        "sign-in": "/console/sign-in",
        "error": "/console/none",
    }
    for name, path in pages.items():
        await console.goto(stack.api_url + path)
        await check_page(console, tmp_path / f"{name}-{scheme}.png")
    await console.goto(f"{stack.api_url}/console/payments/{payment}/refund")
    await console.get_by_label("Reason").select_option("It is a fraud")
    await console.get_by_role("button", name="Continue").click()
    await check_page(console, tmp_path / f"preview-{scheme}.png")


async def check_page(console: Page, picture: Path) -> None:
    """Assert that everybody can use the page, wide and as narrow as a phone."""
    await console.set_viewport_size({"width": 1200, "height": 900})
    found = (await Axe().run(console)).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], picture.stem
    await console.set_viewport_size({"width": 390, "height": 844})
    assert await console.evaluate("document.documentElement.scrollWidth") <= 390, picture.stem
    await console.screenshot(path=picture, full_page=True)


async def test_the_picture_in_the_readme_can_be_made(
    sign_in: SignIn, stack: Stack, api: httpx.AsyncClient, stripe: SandboxClient, tmp_path: Path
) -> None:
    payment = await some_payments(api, stripe)
    console = await sign_in("operator", viewport={"width": 1120, "height": 1000})
    await console.goto(f"{stack.api_url}/console/payments/{payment}")
    await expect(console.get_by_text("Partly refunded")).to_be_visible()
    path = PICTURE if os.environ.get("SCREENSHOTS") else tmp_path / PICTURE.name
    await console.screenshot(path=path)
    assert path.stat().st_size > 20_000
    assert PICTURE.is_file()
