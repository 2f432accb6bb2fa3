"""The shop's backend, over HTTP, against the real service."""

import asyncio

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.shop.cart import Cart
from tests.stack import Stack

MUG, TEA = 1800, 650


async def test_a_cart_has_no_payment_until_the_page_asks_for_one(cart: Cart) -> None:
    read = await cart.read()

    assert (read["payment"], read["attempts"]) == (None, [])
    assert read["cart"]["total"] == MUG + TEA
    assert await cart.payment_intents() == []


async def test_the_payment_follows_the_cart_and_stays_the_same(cart: Cart) -> None:
    first = (await cart.change()).json()
    second = (await cart.change(mug=3)).json()

    intent = await cart.payment_intent()
    assert first["payment"]["stripe_id"] == second["payment"]["stripe_id"] == intent["id"]
    assert (first["payment"]["amount"], second["payment"]["amount"]) == (MUG + TEA, 3 * MUG + TEA)
    assert (intent["amount"], intent["currency"]) == (3 * MUG + TEA, "eur")


async def test_the_version_rises_with_each_change_and_with_nothing_else(cart: Cart) -> None:
    versions = [
        (await cart.change(**quantities)).json()["cart"]["version"]
        for quantities in ({}, {"mug": 2}, {"mug": 2}, {"tea": 0}, {"mug": 2, "tea": 0})
    ]

    assert versions == [1, 2, 2, 3, 3]
    assert (await cart.payment_intent())["metadata"]["cart_version"] == "3"


@pytest.mark.parametrize(
    "body",
    [
        {"quantities": {"mug": 1}, "amount": 1},
        {"quantities": {"mug": 1}, "total": 1},
        {"quantities": {"mug": {"quantity": 1, "unit_price": 1}}},
        {"quantities": {"yacht": 1}},
        {"quantities": {"mug": -1}},
        {"quantities": {"mug": 11}},
        {"quantities": {"mug": 1.5}},
        {"quantities": {"mug": "1"}},
        {"quantities": {"mug": True}},
        {"quantities": {"mug": 0, "tea": 0}},
        {},
    ],
    ids=[
        *("amount", "total", "unit price", "unknown product", "negative", "too many", "a fraction", "text", "true"),
        *("nothing left", "no quantities"),
    ],
)
async def test_prices_are_the_backends_own(cart: Cart, shop: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await shop.patch(f"/api{cart.path}", json=body)

    assert answer.status_code == 422
    assert (await cart.read())["cart"]["version"] == 1
    assert await cart.payment_intents() == []


async def test_changes_at_the_same_time_end_with_what_the_cart_holds(cart: Cart) -> None:
    await cart.change()
    answers = await asyncio.gather(*(cart.change(mug=quantity) for quantity in range(2, 8)))
    codes = {answer.json()["code"] for answer in answers if answer.status_code != 200}
    settled = (await cart.change()).json()

    assert codes <= {"stale_cart_version"}
    assert (await cart.payment_intent())["amount"] == settled["payment"]["amount"] == settled["cart"]["total"]


async def test_the_client_secret_is_handed_out_for_the_cart_that_is_shown(cart: Cart) -> None:
    version = (await cart.change(mug=2)).json()["cart"]["version"]
    answer = await cart.start_payment(version)

    assert answer.json()["client_secret"] == (await cart.payment_intent())["client_secret"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("version", [1, 3])
async def test_no_client_secret_is_handed_out_for_another_state_of_the_cart(cart: Cart, version: int) -> None:
    await cart.change(mug=2)
    answer = await cart.start_payment(version)

    assert (answer.status_code, answer.json()) == (409, {"code": "cart_changed"})


async def test_a_paid_cart_stays_what_was_paid_for(cart: Cart) -> None:
    await cart.change(mug=2)
    await cart.pay()
    refused = await cart.change(mug=3)
    read = await cart.read()

    assert (refused.status_code, refused.json()) == (409, {"code": "already_paid"})
    assert await cart.quantities() == {"mug": 2, "tea": 1}
    assert (read["payment"]["status"], read["payment"]["amount"]) == ("succeeded", 2 * MUG + TEA)
    assert (await cart.start_payment(read["cart"]["version"])).json()["client_secret"] is None
    assert (await cart.change()).status_code == 200


async def test_attempts_are_told_as_shoppers_may_read_them(cart: Cart, stripe: SandboxClient) -> None:
    await cart.change()
    await stripe.confirm((await cart.payment_intent())["id"], "pm_card_visa_chargeDeclinedStolenCard")
    await cart.pay()
    read = await cart.read()
    paid, declined = read["attempts"]

    shown = {
        "attempted_at",
        "status",
        "amount",
        "currency",
        "payment_method_type",
        "card_brand",
        "card_last4",
        "reason",
    }
    assert set(paid) == shown
    assert (declined["status"], declined["card_last4"]) == ("failed", "9979")
    assert declined["reason"] == "Your card was declined."
    assert (paid["status"], paid["card_brand"], paid["amount"], paid["reason"]) == (
        "succeeded",
        "visa",
        MUG + TEA,
        None,
    )
    assert "stolen" not in str(read)


async def test_a_checkout_session_has_the_carts_items_and_leads_back_to_it(
    cart: Cart, stripe: SandboxClient, stack: Stack
) -> None:
    hosted = (await cart.change_to("hosted_page", mug=2)).json()
    in_page = (await cart.change_to("elements", tea=0)).json()
    sessions = [each for each in await stripe.objects("checkout.sessions") if each["client_reference_id"] == cart.id]

    page = f"{stack.shop_url}{cart.path}?with=checkout-page"
    assert (sessions[0]["cancel_url"], sessions[0]["success_url"]) == (page, f"{page}&returned=yes")
    assert [(each["status"], each["amount_total"]) for each in sessions] == [
        ("expired", 2 * MUG + TEA),
        ("open", 2 * MUG),
    ]
    assert sessions[0]["id"] in hosted["url"]
    assert hosted["client_secret"] is None
    assert (in_page["url"], in_page["client_secret"]) == (None, sessions[1]["client_secret"])


async def test_an_unknown_cart_starts_anew(shop: httpx.AsyncClient) -> None:
    page = await shop.get("/carts/of-yesterday")
    answer = await shop.get("/api/carts/of-yesterday")

    assert (page.status_code, page.headers["location"]) == (303, "/")
    assert (answer.status_code, answer.json()) == (404, {"code": "cart_not_found"})


async def test_only_what_is_to_be_paid_has_the_client_secret_and_nothing_has_the_key(
    cart: Cart, shop: httpx.AsyncClient, stack: Stack
) -> None:
    changed = await cart.change(mug=2)
    started = await cart.start_payment(changed.json()["cart"]["version"])
    await cart.pay()
    assets = ("checkout.js", "ways.js", "page.js", "backend.js", "checkout.css")
    others = [
        await shop.get(cart.path),
        await shop.get(f"/api{cart.path}"),
        await cart.start_payment(1),
        *[await shop.get(f"/static/{name}") for name in assets],
    ]

    secret = started.json()["client_secret"]
    assert not [answer.url for answer in others if "_secret_" in answer.text]
    assert not [
        answer.url for answer in [changed, started, *others] if stack.api_key in f"{answer.headers} {answer.text}"
    ]
    logged = (stack.logs / "shop.log").read_text()
    assert secret not in logged
    assert stack.api_key not in logged
    assert cart.id not in logged


async def test_the_page_is_told_where_stripe_js_is_and_may_load_nothing_else(
    cart: Cart, shop: httpx.AsyncClient, stack: Stack
) -> None:
    page = await shop.get(cart.path)

    assert f'<script src="{stack.sandbox_url}/v3/" defer></script>' in page.text
    assert f'content="{stack.publishable_key}"' in page.text
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == f"'self' {stack.sandbox_url}"
    assert policy["connect-src"] == f"'self' {stack.api_url} {stack.sandbox_url}"
    assert (policy["style-src"], policy["img-src"]) == ("'self'", "'self'")
