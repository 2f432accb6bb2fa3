"""Where Stripe tells us what happened."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import (
    BodyTooLarge,
    DatabaseUnavailable,
    InvalidEvent,
    InvalidSignature,
    NotAdopted,
    NotConverged,
    WrongMode,
)
from app.problems import documented
from app.resources import ResourcesDependency
from app.webhooks import service
from app.webhooks.intake import Intake

PATH = "/v1/stripe/webhook"

router = APIRouter(tags=["Webhooks"])


class WebhookRead(BaseModel):
    """What became of an event."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "recorded"}]})

    outcome: Literal["recorded", "ignored", "duplicate"] = Field(
        description="`ignored`: about an object that this installation did not make."
    )


async def _raw(request: Request) -> tuple[bytes, str | None]:
    """Give the body as it came, since the signature is over its bytes, and the signature."""
    return await request.body(), request.headers.get("stripe-signature")


async def _intake(request: Request) -> Intake:
    intake: Intake = request.state.intake
    return intake


@router.post(
    PATH,
    summary="Receive an event of Stripe's",
    responses=documented(
        InvalidSignature, InvalidEvent, WrongMode, BodyTooLarge, NotConverged, NotAdopted, DatabaseUnavailable
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
async def receive_event(
    resources: ResourcesDependency,
    intake: Annotated[Intake, Depends(_intake)],
    raw: Annotated[tuple[bytes, str | None], Depends(_raw)],
) -> WebhookRead:
    """Take in one event, exactly once. Anything but a 2xx makes Stripe send it again."""
    return WebhookRead(outcome=await service.receive(resources, intake, *raw))
