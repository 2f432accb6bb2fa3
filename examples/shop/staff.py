"""The pages of the shop's staff: a cart's payment, and refunds."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from examples.shop.checkout import PaymentsDependency
from examples.shop.notifications import OrdersDependency
from examples.shop.orders import Orders, State
from examples.shop.payments_api import PaymentIntent, Refund, TimelineEntry
from examples.shop.schemas import Params

USER = "staff"
UNAUTHORIZED = 401
ACCEPTED, CREATED = 202, 201

_basic = HTTPBasic(auto_error=False, realm="Staff")


def _only_staff(request: Request, given: Annotated[HTTPBasicCredentials | None, Depends(_basic)]) -> None:
    """Raise 401 unless the password is right. A real shop has its own accounts; without a password all get 401."""
    password: str = request.app.state.staff_password
    expected, sent = f"{USER}:{password}", f"{given.username}:{given.password}" if given else ""
    if not password or not secrets.compare_digest(expected.encode(), sent.encode()):
        raise HTTPException(UNAUTHORIZED, headers={"WWW-Authenticate": 'Basic realm="Staff"'})


router = APIRouter(dependencies=[Depends(_only_staff)])


class RefundOrder(Params):
    amount: Annotated[int, Field(ge=1)]
    """In minor units: cents."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{16,64}$")]
    """Made by the page for one refund and sent with every retry, so that two clicks refund once."""


class OrderRead(BaseModel):
    payment: PaymentIntent | None
    refunds: list[Refund]
    state: State
    shipped_at: datetime | None
    timeline: list[TimelineEntry]


@router.get("/staff/carts/{cart_id}")
async def show_order(request: Request) -> Response:
    page: str = request.app.state.staff_page
    return HTMLResponse(page)


@router.get("/api/staff/carts/{cart_id}")
async def read_order(cart_id: str, payments: PaymentsDependency, orders: OrdersDependency) -> OrderRead:
    intent, refunds, timeline = await asyncio.gather(
        payments.get_payment_intent(cart_id), payments.list_refunds(cart_id), payments.read_timeline(cart_id)
    )
    order = orders.get(cart_id)
    return OrderRead(payment=intent, refunds=refunds, state=order.state, shipped_at=order.shipped_at, timeline=timeline)


@router.get("/api/staff/carts/{cart_id}/live")
async def follow_order(cart_id: str, orders: OrdersDependency) -> EventSourceResponse:
    """Say whenever a notification about the order was taken: the page then reads the order again."""
    return EventSourceResponse(_changes(orders, cart_id))


async def _changes(orders: Orders, cart_id: str) -> AsyncIterator[ServerSentEvent]:
    async with orders.watch(cart_id) as watch:
        yield ServerSentEvent("", event="changed")  # what was taken before the page listened
        while True:
            await watch.wait()
            watch.clear()
            yield ServerSentEvent("", event="changed")


@router.post("/api/staff/carts/{cart_id}/refunds")
async def refund_order(cart_id: str, order: RefundOrder, payments: PaymentsDependency, response: Response) -> Refund:
    """Refund an amount; 202 while the outcome is not known. The same key may be sent again at any time."""
    refund = await payments.refund(cart_id, order.amount, key=order.key)
    response.status_code = CREATED if refund.status else ACCEPTED
    return refund
