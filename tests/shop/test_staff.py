"""The shop's staff gives money back, over HTTP, against the real service."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.shop.cart import Cart
from tests.stack import Stack

KEY = "refund-0000000001"


@pytest.fixture
async def staff(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.shop_url, auth=("staff", "staff"), trust_env=False) as client:
        yield client


async def _paid(cart: Cart) -> str:
    await cart.change()
    await cart.pay()
    return f"/api/staff{cart.path}"


async def _refund(staff: httpx.AsyncClient, order: str, amount: int, key: str = KEY) -> tuple[int, dict[str, Any]]:
    answer = await staff.post(f"{order}/refunds", json={"amount": amount, "key": key + order[-16:]})
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "who",
    [None, ("staff", "wrong"), ("staff", ""), ("shopper", "staff")],
    ids=["nobody", "a wrong password", "no password", "another name"],
)
async def test_nobody_else_gets_at_refunds(cart: Cart, shop: httpx.AsyncClient, who: tuple[str, str] | None) -> None:
    order = {"amount": 1, "key": KEY}
    for method, path, body in (
        ("GET", f"/staff{cart.path}", None),
        ("GET", f"/api/staff{cart.path}", None),
        ("POST", f"/api/staff{cart.path}/refunds", order),
    ):
        answer = await shop.request(method, path, json=body, auth=who)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")


async def test_the_staff_refunds_a_part_once_however_often_it_clicks(
    cart: Cart, staff: httpx.AsyncClient, stripe: SandboxClient
) -> None:
    order = await _paid(cart)
    first, again = await _refund(staff, order, 1800), await _refund(staff, order, 1800)
    await stripe.wait_idle()

    intent = await cart.payment_intent()
    refunds = [each for each in await stripe.objects("refunds") if each["payment_intent"] == intent["id"]]
    assert (first[0], again[0], first[1]["status"]) == (201, 201, "succeeded")
    assert [each["amount"] for each in refunds] == [1800]
    read = (await staff.get(order)).json()
    assert (read["payment"]["amount_refunded"], read["payment"]["amount_refundable"]) == (1800, 650)
    assert [(each["amount"], each["origin"]) for each in read["refunds"]] == [(1800, "api")]
    assert read["payment"]["client_secret"] is None


async def test_the_staff_is_told_why_it_cannot_refund(
    cart: Cart, staff: httpx.AsyncClient, stripe: SandboxClient
) -> None:
    order = await _paid(cart)
    assert await _refund(staff, order, 9999) == (409, {"code": "refund_exceeds_payment"})
    await stripe.fail_next(400, code="charge_disputed", path="/v1/refunds")
    assert await _refund(staff, order, 100, "refund-0000000002") == (409, {"code": "stripe_refused"})
