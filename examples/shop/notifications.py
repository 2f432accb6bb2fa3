"""Where the payments API tells what happened: each notification is proved, taken once, and paid orders are shipped."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from standardwebhooks import Webhook, WebhookVerificationError

from examples.shop.orders import Orders

NO_CONTENT, BAD_REQUEST, NOT_FOUND = 204, 400, 404

router = APIRouter()


def _orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


OrdersDependency = Annotated[Orders, Depends(_orders)]


@router.post("/hooks/payments", status_code=NO_CONTENT)
async def take_notification(request: Request, orders: OrdersDependency) -> None:
    """Take a notification. Without a secret nothing can be proved, and there is nothing here."""
    webhook: Webhook | None = request.app.state.webhook
    if webhook is None:
        raise HTTPException(NOT_FOUND)
    body = await request.body()
    try:
        webhook.verify(body, dict(request.headers))
    except (WebhookVerificationError, ValueError) as error:
        raise HTTPException(BAD_REQUEST) from error
    event = json.loads(body)
    if "reference" in event:  # a test event has none
        orders.take(event["id"], event["type"], event["reference"]["id"], event["sequence"])
