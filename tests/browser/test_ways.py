"""Each way to pay in the shop: what changes in between, what has to be waited for, and what was left for a day."""

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, Response, expect

from sandbox.client import SandboxClient
from tests.browser.checkout_page import CHALLENGED, DECLINED, GOOD, MUG, TEA, CheckoutPage
from tests.stack import Stack
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAYS = ("payment-element", "confirm", "checkout-elements", "checkout-page")
DAY_SECONDS = 24 * 3600
FAILING_IBAN = "AT861904300235473202"

Open = Callable[..., Awaitable[CheckoutPage]]


@pytest_asyncio.fixture(loop_scope="session")
async def shop(context: BrowserContext, api: httpx.AsyncClient, stripe: SandboxClient, stack: Stack) -> Open:
    """Open a new cart in a tab, or the one at an address, with a way to pay."""

    async def open_with(way: str, url: str = stack.shop_url + "/") -> CheckoutPage:
        page = CheckoutPage(await context.new_page(), api, stripe)
        await page.open(f"{url.partition('?')[0]}?with={way}")
        return page

    return open_with


async def _order(checkout: CheckoutPage, stack: Stack) -> str:
    """Return how the shop's staff see the order."""
    async with httpx.AsyncClient(auth=("staff", "staff"), trust_env=False) as staff:
        order = await staff.get(f"{stack.shop_url}/api/staff/carts/{checkout.cart_id}")
    return str(order.json()["state"])


async def _until_order(checkout: CheckoutPage, stack: Stack, state: str) -> None:
    async def is_so() -> bool:
        return await _order(checkout, stack) == state

    await until(is_so, f"the order is {state}", seconds=15)


async def _pay_on_stripes_page(page: Page, amount: str, number: str) -> None:
    """Pay on the page to which a click on Pay has led."""
    await expect(page.get_by_role("heading", name=f"{amount} eur")).to_be_visible()
    typed = {"Email": "ada@example.com", "Name on card": "Ada", "Card number": number, "MM / YY": "12 / 34"}
    for label, text in {**typed, "CVC": "123"}.items():
        await page.get_by_label(label).fill(text)
    await page.get_by_role("button", name="Pay").click()


async def _pay(checkout: CheckoutPage, way: str, amount: str, number: str = GOOD) -> None:
    if way == "checkout-page":
        await checkout.pay_button.click()
        await _pay_on_stripes_page(checkout.page, amount, number)
        return
    if way == "checkout-elements":
        await checkout.page.get_by_label("E-mail for the receipt").fill("ada@example.com")
    await checkout.pay(number)


async def _choose(checkout: CheckoutPage, method: str, **typed: str) -> None:
    """Choose another method than cards in the Payment Element, and pay with it."""
    await checkout.page.get_by_role("radio", name=method).check()
    for label, text in typed.items():
        await checkout.page.get_by_label(label.replace("_", " "), exact=True).fill(text)
    await checkout.pay_button.click()


async def _with_voucher(shop: Open) -> CheckoutPage:
    """Choose a voucher, and look at how it is paid; nobody pays it."""
    checkout = await shop("payment-element")
    await _choose(checkout, "Multibanco", Email="fill_never@example.com")
    await checkout.page.get_by_role("button", name="Done").click()
    await expect(checkout.waiting).to_be_visible()
    return checkout


def _is_change(response: Response) -> bool:
    return response.request.method == "PATCH"


async def _comes_back(checkout: CheckoutPage) -> None:
    """Bring the tab to the front again, as its script sees it."""
    await checkout.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("way", WAYS)
async def test_a_cart_that_changed_in_between_is_paid_at_its_new_price(shop: Open, way: str) -> None:
    checkout = await shop(way)
    await checkout.one_more("Stoneware mug")
    await expect(checkout.pay_button).to_have_text("Pay €42.50")
    await expect(checkout.pay_button).to_be_enabled()
    assert await checkout.payable() == [2 * MUG + TEA]

    await _pay(checkout, way, "42.50", CHALLENGED if way != "checkout-page" else GOOD)
    if way != "checkout-page":
        await checkout.challenge.get_by_role("button", name="Complete authentication").click()

    await checkout.shows_paid("€42.50")
    await checkout.lists("Paid Visa €42.50")
    assert "secret" not in checkout.page.url
    assert await checkout.payable() == []
    payment = await checkout.payment()
    assert (payment["amount_received"], payment["flags"]) == (2 * MUG + TEA, [])


@pytest.mark.parametrize("way", ["payment-element", "confirm", "checkout-elements"])
async def test_after_a_decline_another_card_pays(shop: Open, way: str) -> None:
    checkout = await shop(way)
    await _pay(checkout, way, "24.50", DECLINED)
    await checkout.lists("Failed Visa 0002")
    await _pay(checkout, way, "24.50")

    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 4242", "Failed Visa 0002")


@pytest.mark.parametrize("is_authorised", [True, False])
async def test_the_shopper_comes_back_from_the_bank_to_what_the_service_knows(
    shop: Open, stripe: SandboxClient, *, is_authorised: bool
) -> None:
    checkout = await shop("payment-element")
    await stripe.pause_webhooks()  # the page is faster
    await _choose(checkout, "iDEAL", Full_name="Ada")
    button = "Authorize test payment" if is_authorised else "Fail test payment"
    await checkout.page.get_by_role("button", name=button).click()

    if is_authorised:
        await checkout.shows_paid("€24.50")
    else:
        await checkout.says("The payment did not go through")
        await expect(checkout.pay_button).to_be_enabled()
    await stripe.resume_webhooks()
    await checkout.lists("Paid iDEAL" if is_authorised else "Failed iDEAL")


async def test_what_stands_in_the_address_is_not_believed(shop: Open) -> None:
    checkout = await shop("payment-element")
    forged = "returned=yes&redirect_status=succeeded&payment_intent_client_secret=pi_1_secret_1"
    await checkout.open(f"{checkout.page.url}&{forged}")

    await checkout.says("The payment did not go through")
    await expect(checkout.page.locator("#paid")).to_be_hidden()
    assert "secret" not in checkout.page.url


async def test_a_voucher_is_waited_for_until_it_is_paid(shop: Open, stripe: SandboxClient, stack: Stack) -> None:
    checkout = await _with_voucher(shop)

    await expect(checkout.waiting).to_contain_text("Please pay the voucher of €24.50 by ")
    how = checkout.page.get_by_role("link", name="Show how to pay")
    await expect(how).to_have_attribute("href", re.compile("/_sandbox/pay/multibanco/"))
    await _until_order(checkout, stack, "waiting")
    await stripe.finish((await checkout.payment())["stripe_id"])
    await _until_order(checkout, stack, "paid")
    await _comes_back(checkout)
    await checkout.shows_paid("€24.50")


async def test_a_debit_that_fails_days_later_puts_the_order_back(
    shop: Open, stripe: SandboxClient, stack: Stack
) -> None:
    checkout = await shop("payment-element")
    await _choose(checkout, "SEPA Direct Debit", Full_name="Ada", Email="ada@example.com", IBAN=FAILING_IBAN)

    await expect(checkout.waiting).to_contain_text("Your bank was asked for the money")
    await expect(checkout.pay_button).to_be_hidden()
    await _until_order(checkout, stack, "waiting")
    await stripe.finish((await checkout.payment())["stripe_id"], "fail")
    await _until_order(checkout, stack, "to_pay")
    await _comes_back(checkout)
    await checkout.lists("Failed SEPA")
    await checkout.pay(GOOD)
    await checkout.shows_paid("€24.50")


async def test_another_cart_takes_the_vouchers_place(shop: Open) -> None:
    checkout = await _with_voucher(shop)
    await checkout.one_more("Loose-leaf tea")

    await expect(checkout.pay_button).to_have_text("Pay €31.00")
    await expect(checkout.pay_button).to_be_enabled()
    assert await checkout.payable() == [MUG + 2 * TEA]
    await checkout.pay(GOOD)
    await checkout.shows_paid("€31.00")


async def test_instead_of_a_voucher_a_card_can_pay(shop: Open) -> None:
    checkout = await _with_voucher(shop)
    await checkout.page.get_by_role("button", name="Pay another way").click()
    await checkout.pay(GOOD)

    await checkout.shows_paid("€24.50")
    assert await checkout.payable() == []


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("confirm", "The price has changed meanwhile"),
        ("payment-element", "Your cart was changed in another window"),
        pytest.param("checkout-page", "Your cart was changed in another window", marks=pytest.mark.slow),
    ],
)
async def test_another_price_than_the_shown_is_told_before_it_is_paid(shop: Open, way: str, sentence: str) -> None:
    checkout = await shop(way)
    other = await shop(way, checkout.page.url)
    await other.one_more("Stoneware mug")
    await expect(other.pay_button).to_have_text("Pay €42.50")
    await expect(other.pay_button).to_be_enabled()
    if way != "checkout-page":
        await checkout.enter_card(GOOD)
    await checkout.pay_button.click()

    await checkout.says(sentence)
    await expect(checkout.pay_button).to_have_text("Pay €42.50")
    await expect(checkout.pay_button).to_be_enabled()
    assert await checkout.payable() == [2 * MUG + TEA]
    if way != "checkout-page":
        await checkout.pay_button.click()  # with the card that is entered
    else:
        await _pay(checkout, way, "42.50")
    await checkout.shows_paid("€42.50")


async def test_a_way_that_another_tab_chose_ends_this_ones(shop: Open) -> None:
    checkout = await shop("payment-element")
    other = await shop("checkout-elements", checkout.page.url)
    assert await checkout.payable() == [MUG + TEA]
    await checkout.pay(GOOD)

    await checkout.says("Please enter your details again")
    assert await checkout.payable() == [MUG + TEA]
    await _pay(other, "checkout-elements", "24.50")
    await other.says("Please enter your details again")
    await _pay(other, "checkout-elements", "24.50")
    await other.shows_paid("€24.50")
    assert await checkout.payable() == []


@pytest.mark.moves_the_clock
async def test_a_day_later_what_was_left_has_expired_and_a_voucher_can_still_be_paid(
    shop: Open, stripe: SandboxClient, stack: Stack
) -> None:
    tabs = {way: await shop(way) for way in ("payment-element", "checkout-elements", "checkout-page")}
    voucher = await _with_voucher(shop)
    await stripe.advance(DAY_SECONDS + 60)

    async def are_over() -> bool:
        return {(await tab.payment())["status"] for tab in tabs.values()} == {"canceled"}

    await until(are_over, "what was left is canceled", seconds=20)
    await stripe.finish((await voucher.payment())["stripe_id"])
    await _until_order(voucher, stack, "paid")
    for way, checkout in tabs.items():
        assert await checkout.payable() == []
        reason = "abandoned" if way == "payment-element" else "checkout_expired"
        assert (await checkout.payment())["closed_reason"] == reason
        timeline = (await checkout.api.get(f"/v1/carts/{checkout.cart_id}/timeline")).json()["data"]
        assert timeline[-1]["type"] == "payment.canceled"
        async with checkout.page.expect_response(_is_change):
            await _comes_back(checkout)
        await expect(checkout.pay_button).to_be_enabled()
        assert await checkout.payable() == [MUG + TEA]
        await _pay(checkout, way, "24.50")
        await checkout.shows_paid("€24.50")


@pytest.mark.parametrize("way", ["payment-element", "checkout-elements"])
async def test_the_page_fits_a_phone_and_everybody_can_use_it(shop: Open, way: str) -> None:
    checkout = await shop(way)
    for width in (320, 390, 1280):
        await checkout.page.set_viewport_size({"width": width, "height": 800})
        assert await checkout.page.evaluate("document.documentElement.scrollWidth") <= width
    found = await Axe().run(checkout.page)
    assert found.violations_count == 0, found.generate_report()
