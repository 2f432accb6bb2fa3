"""From the card to the history: what the shopper does, what the page shows, what the service and Stripe hold."""

import asyncio

import pytest
from playwright.async_api import Response, Route, expect

from sandbox.client import SandboxClient
from tests.browser.checkout_page import CHALLENGED, DECLINED, GOOD, MUG, TEA, CheckoutPage
from tests.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_good_card_pays_the_cart(checkout: CheckoutPage) -> None:
    await checkout.pay(GOOD)

    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 4242 €24.50")
    payment, intent = await checkout.payment(), await checkout.payment_intent()
    assert (payment["status"], payment["amount_received"], payment["flags"]) == ("succeeded", MUG + TEA, [])
    assert payment["stripe_id"] == intent["id"] == await checkout.shown_id()
    assert (intent["status"], intent["amount_received"]) == ("succeeded", MUG + TEA)
    assert await checkout.charges() == ["succeeded"]


async def test_a_declined_card_and_then_a_good_one_are_two_attempts_on_the_same_payment_intent(
    checkout: CheckoutPage,
) -> None:
    await checkout.pay(DECLINED)
    await checkout.says("Your card was declined.")
    await checkout.lists("Failed Visa 0002 declined")
    await checkout.pay(GOOD)

    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 4242", "Failed Visa 0002 declined")
    our_id = (await checkout.payment())["id"]
    assert await checkout.recorded() == [("failed", "generic_decline", our_id), ("succeeded", None, our_id)]
    assert await checkout.charges() == ["failed", "succeeded"]


async def test_a_passed_challenge_pays_the_cart(checkout: CheckoutPage) -> None:
    await checkout.pay(CHALLENGED)
    await expect(checkout.challenge).to_be_visible()
    assert (await checkout.payment_intent())["status"] == "requires_action"
    await checkout.challenge.get_by_role("button", name="Complete authentication").click()

    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 3220")
    assert (await checkout.payment())["status"] == "succeeded"
    assert await checkout.charges() == ["succeeded"]


async def test_a_closed_challenge_is_a_failed_attempt_after_which_the_cart_can_be_paid(checkout: CheckoutPage) -> None:
    await checkout.pay(CHALLENGED)
    await checkout.challenge.get_by_role("button", name="Close").click()
    await checkout.says("Your bank could not confirm that it was you.")
    await checkout.lists("Failed Visa 3220 bank")
    await checkout.pay(GOOD)

    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 4242", "Failed Visa 3220")
    assert [status for status, _, _ in await checkout.recorded()] == ["failed", "succeeded"]
    assert (await checkout.payment_intent())["status"] == "succeeded"


async def test_the_shopper_is_thanked_at_once_and_the_history_follows_the_webhook(
    checkout: CheckoutPage, stripe: SandboxClient
) -> None:
    await stripe.pause_webhooks()
    await checkout.pay(GOOD)
    await checkout.shows_paid("€24.50")
    async with checkout.page.expect_response("**/api/carts/*") as told:
        pass
    assert (await (await told.value).json())["payment"]["status"] == "requires_payment_method"
    await checkout.shows_paid("€24.50")
    await expect(checkout.attempts).to_have_count(0)

    await stripe.resume_webhooks()
    await checkout.lists("Paid Visa 4242")


async def test_a_payment_under_way_is_waited_for(checkout: CheckoutPage) -> None:
    """As a bank's slow answer is: no test card is slow, so the backend's word is changed on its way."""
    statuses = iter(["processing", "processing", "succeeded"])

    async def answer(route: Route) -> None:
        real = await (await route.fetch()).json()
        real["payment"]["status"] = next(statuses, "succeeded")
        await route.fulfill(json=real)

    await checkout.page.route("**/api/carts/*", answer)
    await checkout.page.reload()

    await expect(checkout.waiting).to_contain_text("Your bank was asked for the money")
    await expect(checkout.pay_button).to_be_hidden()
    await checkout.shows_paid("€24.50")
    await expect(checkout.page.locator("#result")).to_be_empty()


async def test_a_double_click_on_pay_is_one_charge(checkout: CheckoutPage, stripe: SandboxClient) -> None:
    await checkout.enter_card(GOOD)
    await checkout.pay_button.evaluate("button => { button.click(); button.click(); button.form.requestSubmit(); }")

    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 4242")
    assert await checkout.charges() == ["succeeded"]
    confirm = f"/v1/payment_intents/{await checkout.shown_id()}/confirm"
    assert [call["path"] for call in await stripe.requests()].count(confirm) == 1


async def test_an_incomplete_card_is_told_and_not_tried(checkout: CheckoutPage) -> None:
    await checkout.pay("424242")

    await checkout.says("Your card number is incomplete.")
    await expect(checkout.pay_button).to_be_enabled()
    assert await checkout.charges() == []


async def test_the_keyboard_alone_can_pay(checkout: CheckoutPage) -> None:
    keyboard = checkout.page.keyboard
    await checkout.page.get_by_label("Card number").focus()
    for typed in (GOOD, "1234", "123"):
        await keyboard.type(typed)
        await keyboard.press("Tab")
    await expect(checkout.pay_button).to_be_focused()
    await keyboard.press("Enter")

    await checkout.shows_paid("€24.50")
    await expect(checkout.page.locator("#paid")).to_be_focused()
    await keyboard.press("Tab")
    await expect(checkout.page.get_by_role("link", name="New cart")).to_be_focused()


async def test_a_new_cart_has_a_payment_of_its_own(checkout: CheckoutPage) -> None:
    paid = await checkout.payment_intent()
    await checkout.pay(GOOD)
    await checkout.page.get_by_role("link", name="New cart").click()
    await expect(checkout.pay_button).to_be_enabled()

    assert (await checkout.payment_intent())["id"] == await checkout.shown_id() != paid["id"]
    await expect(checkout.attempts).to_have_count(0)


async def test_the_secrets_stay_where_they_belong(checkout: CheckoutPage, stack: Stack) -> None:
    addresses: list[str] = []
    bodies: list[asyncio.Task[str]] = []

    def note(response: Response) -> None:
        if response.url.startswith(stack.shop_url):
            addresses.append(response.url)
            bodies.append(asyncio.ensure_future(response.text()))

    checkout.page.on("response", note)
    await checkout.pay(GOOD)
    await checkout.shows_paid("€24.50")
    await checkout.lists("Paid Visa 4242")

    secret = (await checkout.payment_intent())["client_secret"]
    texts = await asyncio.gather(*bodies)
    kept = await checkout.page.evaluate(
        "[location.href, document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage),"
        " document.documentElement.outerHTML].join()"
    )
    assert len([text for text in texts if secret in text]) == 1  # the answer to the click
    assert secret not in "".join([kept, *addresses])
    assert stack.api_key not in "".join([kept, *addresses, *texts])
