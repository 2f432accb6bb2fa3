"""The cart changes, is left and found again, is open in two tabs, and the service is away for a moment."""

import pytest
from playwright.async_api import Page, Route, expect

from sandbox.client import SandboxClient
from tests.browser.checkout_page import CHALLENGED, DECLINED, GOOD, MUG, TEA, CheckoutPage
from tests.stack import Stack
from tests.waiting import until_held

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_another_quantity_changes_the_amount_of_the_same_payment_intent(checkout: CheckoutPage) -> None:
    before = await checkout.shown_id()
    await checkout.one_more("Stoneware mug")

    await expect(checkout.page.locator("#total")).to_have_text("€42.50")
    await expect(checkout.pay_button).to_have_text("Pay €42.50")
    await expect(checkout.pay_button).to_be_enabled()
    intent = await checkout.payment_intent()
    assert (intent["id"], intent["amount"]) == (before, 2 * MUG + TEA)
    assert await checkout.shown_id() == before
    assert (await checkout.payment())["cart_version"] == 2

    await checkout.pay(GOOD)
    await checkout.shows_paid("€42.50")
    assert (await checkout.payment_intent())["amount_received"] == 2 * MUG + TEA


async def test_of_fast_clicks_the_last_one_wins_with_few_calls(checkout: CheckoutPage, stripe: SandboxClient) -> None:
    intent = await checkout.payment_intent()
    await checkout.page.get_by_label("One more: Stoneware mug").evaluate(
        "button => { for (let click = 0; click < 8; click += 1) button.click(); }"
    )
    await checkout.page.get_by_label("One less: Loose-leaf tea").click()

    await expect(checkout.pay_button).to_have_text("Pay €162.00")
    await expect(checkout.pay_button).to_be_enabled()
    assert (await checkout.payment_intent())["amount"] == 9 * MUG
    calls = [call for call in await stripe.requests() if call["path"] == f"/v1/payment_intents/{intent['id']}"]
    assert 1 <= len(calls) <= 2


@pytest.mark.slow
async def test_pay_waits_until_stripe_holds_the_new_amount(checkout: CheckoutPage, stripe: SandboxClient) -> None:
    path = f"/v1/payment_intents/{(await checkout.payment_intent())['id']}"
    await stripe.hold(path, method="POST")
    await checkout.one_more("Loose-leaf tea")
    await until_held(stripe)

    await expect(checkout.pay_button).to_be_disabled()
    await checkout.one_more("Loose-leaf tea")  # while the change before it is under way
    await stripe.release(path)
    await expect(checkout.pay_button).to_be_enabled()
    await expect(checkout.pay_button).to_have_text("Pay €37.50")
    assert (await checkout.payment_intent())["amount"] == MUG + 3 * TEA


@pytest.mark.slow
async def test_the_last_piece_cannot_be_taken_away(checkout: CheckoutPage) -> None:
    await checkout.page.get_by_label("One less: Loose-leaf tea").click()

    await expect(checkout.page.get_by_label("One less: Loose-leaf tea")).to_be_disabled()
    await expect(checkout.page.get_by_label("One less: Stoneware mug")).to_be_disabled()
    await expect(checkout.pay_button).to_have_text("Pay €18.00")


async def test_a_reload_resumes_the_cart_and_its_payment(checkout: CheckoutPage) -> None:
    before = await checkout.shown_id()
    await checkout.one_more("Loose-leaf tea", times=2)
    await checkout.pay(DECLINED)
    await checkout.lists("Failed Visa 0002")
    await checkout.page.reload()

    await expect(checkout.pay_button).to_have_text("Pay €37.50")
    await checkout.lists("Failed Visa 0002")
    assert await checkout.shown_id() == before

    await checkout.pay(GOOD)
    await checkout.shows_paid("€37.50")
    await checkout.lists("Paid Visa 4242", "Failed Visa 0002")
    await checkout.page.reload()
    await checkout.shows_paid("€37.50")
    await checkout.lists("Paid Visa 4242", "Failed Visa 0002")
    assert await checkout.charges() == ["failed", "succeeded"]


@pytest.mark.slow
async def test_a_challenge_left_behind_can_be_paid_after_a_reload(checkout: CheckoutPage) -> None:
    await checkout.pay(CHALLENGED)
    await expect(checkout.challenge).to_be_visible()
    await checkout.page.reload()
    await expect(checkout.pay_button).to_be_enabled()
    await checkout.pay(GOOD)

    await checkout.shows_paid("€24.50")
    assert await checkout.charges() == ["succeeded"]


async def test_a_tab_never_charges_another_total_than_it_shows(checkout: CheckoutPage, other_tab: CheckoutPage) -> None:
    await checkout.one_more("Stoneware mug")
    await expect(checkout.pay_button).to_be_enabled()
    await expect(other_tab.pay_button).to_have_text("Pay €24.50")
    await other_tab.pay(GOOD)

    await other_tab.says("Your cart was changed in another window.")
    await expect(other_tab.pay_button).to_have_text("Pay €42.50")
    assert await checkout.charges() == []

    await expect(other_tab.pay_button).to_be_enabled()
    await other_tab.pay_button.click()
    await other_tab.shows_paid("€42.50")
    assert await checkout.charges() == ["succeeded"]


@pytest.mark.slow
async def test_a_cart_paid_in_one_tab_can_be_neither_paid_nor_changed_in_another(
    checkout: CheckoutPage, other_tab: CheckoutPage
) -> None:
    third = CheckoutPage(await checkout.page.context.new_page(), checkout.api, checkout.stripe)
    await third.open(checkout.page.url)
    await checkout.pay(GOOD)
    await checkout.lists("Paid Visa 4242")
    await other_tab.pay(GOOD)
    await third.one_more("Stoneware mug")

    await other_tab.shows_paid("€24.50")
    await third.shows_paid("€24.50")
    await expect(third.page.locator("#total")).to_have_text("€24.50")
    assert await checkout.charges() == ["succeeded"]


@pytest.mark.slow
async def test_a_cart_paid_in_one_tab_is_not_paid_again_in_another_before_the_service_knows(
    checkout: CheckoutPage, other_tab: CheckoutPage, stripe: SandboxClient
) -> None:
    await stripe.pause_webhooks()
    await checkout.pay(GOOD)
    await checkout.shows_paid("€24.50")
    await other_tab.pay(GOOD)

    await other_tab.shows_paid("€24.50")
    assert await checkout.charges() == ["succeeded"]


@pytest.mark.slow
async def test_a_tab_that_comes_back_to_the_front_shows_what_the_other_did(
    checkout: CheckoutPage, other_tab: CheckoutPage
) -> None:
    await other_tab.pay(GOOD)
    await other_tab.shows_paid("€24.50")
    await other_tab.lists("Paid Visa 4242")
    await checkout.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    await checkout.shows_paid("€24.50")


@pytest.mark.slow
async def test_while_the_service_is_away_the_page_says_so_and_keeps_trying(checkout: CheckoutPage) -> None:
    away = 2

    async def answer(route: Route) -> None:
        nonlocal away
        away -= 1
        if away < 0:
            await route.continue_()
        else:
            await route.fulfill(status=503, json={"code": "payments_unavailable"})

    await checkout.page.route("**/api/carts/*", answer)
    await checkout.one_more("Stoneware mug")

    await expect(checkout.page.locator("#notice")).to_contain_text("We keep trying")
    await expect(checkout.pay_button).to_be_disabled()
    await expect(checkout.pay_button).to_be_enabled()
    await expect(checkout.page.locator("#notice")).to_be_empty()
    assert (await checkout.payment_intent())["amount"] == 2 * MUG + TEA


@pytest.mark.slow
async def test_a_payment_that_cannot_start_is_told_and_nothing_is_charged(checkout: CheckoutPage) -> None:
    await checkout.page.route("**/payment", lambda route: route.fulfill(status=500, json={"code": "payments_refused"}))
    await checkout.pay(GOOD)

    await checkout.says("Nothing was charged")
    await expect(checkout.pay_button).to_be_enabled()
    assert await checkout.charges() == []


@pytest.mark.slow
async def test_without_stripe_js_the_page_says_what_to_do(page: Page, stack: Stack) -> None:
    await page.route("**/v3/", lambda route: route.abort())
    await page.goto(stack.shop_url)

    await expect(page.locator("#form-error")).to_contain_text("could not be loaded")
    await expect(page.locator("#total")).to_have_text("€24.50")
    await expect(page.locator("#pay")).to_be_disabled()


@pytest.mark.slow
async def test_the_page_fits_every_screen(checkout: CheckoutPage) -> None:
    await checkout.pay(DECLINED)
    await checkout.lists("Failed Visa 0002")

    for width in (320, 390, 768, 1280):
        await checkout.page.set_viewport_size({"width": width, "height": 800})
        assert await checkout.page.evaluate("document.documentElement.scrollWidth") <= width
