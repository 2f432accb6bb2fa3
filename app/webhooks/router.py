"""Where Stripe tells us what happened."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.db.errors import DatabaseUnavailable
from app.http.errors import BodyTooLarge
from app.http.problems import documented
from app.payment_intents.errors import SyncPending
from app.stripe_gateway.errors import InvalidEvent, InvalidSignature
from app.webhooks import service
from app.webhooks.errors import RecoveryPending, WrongMode

PATH = "/v1/stripe/webhook"

router = APIRouter(tags=["Webhooks"])


class WebhookRead(BaseModel):
    """What became of an event."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "recorded"}]})

    outcome: Literal["recorded", "ignored", "duplicate"] = Field(
        description="`ignored`: about an object that this installation did not make."
    )


@router.post(
    PATH,
    summary="Receive an event of Stripe's",
    responses=documented(
        InvalidSignature, InvalidEvent, WrongMode, BodyTooLarge, SyncPending, RecoveryPending, DatabaseUnavailable
    ),
    openapi_extra={
        "parameters": [
            {
                "name": "Stripe-Signature",
                "in": "header",
                "required": True,
                "description": "Stripe's signature over the time and the body.",
                "schema": {"type": "string"},
                "example": "t=1790000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
            }
        ],
        "requestBody": {
            "required": True,
            "description": "A snapshot event, signed by Stripe.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    },
)
async def receive_event(request: Request) -> WebhookRead:
    """Take in one event, exactly once. Anything but a 2xx makes Stripe send it again."""
    # No dependencies: resolving them cost as much as all that is done here, and the signature is over the raw bytes.
    state, signature = request.state, request.headers.get("stripe-signature")
    return WebhookRead(outcome=await service.receive(state.resources, state.batcher, await request.body(), signature))
