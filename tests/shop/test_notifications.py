"""The shop ships what the payments API tells it is paid, once, and believes nobody else."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.notifications.signing import signed_headers
from examples.shop.app import create_app
from examples.shop.orders import Orders
from examples.shop.settings import Settings
from tests.shop.cart import Cart
from tests.stack import Stack
from tests.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = "/hooks/payments"


@pytest.fixture
async def staff(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=stack.shop_url, auth=("staff", "staff"), trust_env=False, timeout=30
    ) as client:
        yield client


async def test_a_paid_order_is_shipped_and_its_page_is_told(cart: Cart, staff: httpx.AsyncClient) -> None:
    await cart.change()
    order: dict[str, Any] = (await staff.get(f"/api/staff{cart.path}")).json()
    assert (order["shipped_at"], [each["headline"] for each in order["timeline"]]) == (None, ["Payment begun"])
    assert order["state"] == "to_pay"
    async with staff.stream("GET", f"/api/staff{cart.path}/live") as live:
        lines = live.aiter_lines()
        assert await anext(lines) == "event: changed"
        await cart.pay()
        async with asyncio.timeout(20):
            while not (await anext(lines)).startswith("event: changed"):
                pass

    async def is_shipped() -> bool:
        return (await staff.get(f"/api/staff{cart.path}")).json()["shipped_at"] is not None

    await until(is_shipped, "the order is shipped", seconds=20)
    order = (await staff.get(f"/api/staff{cart.path}")).json()
    assert (order["timeline"][-1]["headline"], order["state"]) == ("Paid", "paid")


@pytest.fixture
async def own_shop(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Give a shop of this process with a secret that the test has."""
    settings = Settings(stack.api_url, "pay_x", "pk_test_x", f"{stack.sandbox_url}/v3/", "staff", SECRET)
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


async def _tell(shop: httpx.AsyncClient, event: dict[str, Any], secret: str = SECRET) -> int:
    body = json.dumps(event)
    headers = signed_headers(event["id"], body, [secret])
    return (await shop.post(HOOK, content=body, headers=headers)).status_code


def _event(number: int, kind: str = "payment.succeeded", sequence: int = 2) -> dict[str, Any]:
    reference = {"kind": "cart", "id": f"c{number}"}
    identifier = f"event_{number}{sequence}_{os.getpid()}"
    return {"id": identifier, "type": kind, "reference": reference, "sequence": sequence}


def _orders(shop: httpx.AsyncClient) -> Orders:
    orders: Orders = shop._transport.app.state.orders  # type: ignore[attr-defined] # the shop's memory
    return orders


async def test_what_nobody_signed_is_not_taken(own_shop: httpx.AsyncClient) -> None:
    assert await _tell(own_shop, _event(1), "whsec_c29tZWJvZHkgZWxzZSdzIGtleQ==") == 400
    assert (await own_shop.post(HOOK, content=b"{}")).status_code == 400
    assert _orders(own_shop).get("c1").shipped_at is None


async def test_a_notification_is_taken_once(own_shop: httpx.AsyncClient) -> None:
    orders = _orders(own_shop)
    assert await _tell(own_shop, _event(2)) == 204
    shipped_at = orders.get("c2").shipped_at
    assert await _tell(own_shop, _event(2)) == 204
    assert await _tell(own_shop, _event(2) | {"id": "event_9_9"}) == 204  # another event about what is shipped
    assert orders.get("c2").shipped_at == shipped_at is not None
    assert await _tell(own_shop, {"id": "event_test_1", "type": "test", "data": {}}) == 204


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (["payment.opened"], "to_pay"),
        (["payment.opened", "payment.action_required"], "waiting"),
        (["payment.processing"], "waiting"),
        (["payment.processing", "attempt.failed"], "to_pay"),
        (["payment.action_required", "attempt.failed", "payment.processing", "payment.succeeded"], "paid"),
        (["payment.succeeded", "attempt.failed", "payment.canceled"], "paid"),
        (["payment.processing", "payment.canceled", "payment.opened"], "to_pay"),
    ],
    ids=" ".join,
)
async def test_an_order_stands_as_the_newest_event_says(
    own_shop: httpx.AsyncClient, events: list[str], state: str
) -> None:
    for sequence, kind in enumerate(events, start=1):
        assert await _tell(own_shop, _event(4, kind, sequence)) == 204
    assert _orders(own_shop).get("c4").state == state


async def test_an_event_that_comes_late_does_not_undo_a_newer_one(own_shop: httpx.AsyncClient) -> None:
    await _tell(own_shop, _event(5, "attempt.failed", 3))
    await _tell(own_shop, _event(5, "payment.processing", 2))
    assert _orders(own_shop).get("c5").state == "to_pay"
    await _tell(own_shop, _event(5, "payment.succeeded", 1))
    assert _orders(own_shop).get("c5").state == "paid"


async def test_without_a_secret_there_is_nothing_to_tell(stack: Stack) -> None:
    settings = Settings(stack.api_url, "pay_x", "pk_test_x", f"{stack.sandbox_url}/v3/")
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as shop:
        assert await _tell(shop, _event(3)) == 404
