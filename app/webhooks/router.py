"""Where Stripe says what happened.

`answer_event` is plain ASGI, which the middleware calls without FastAPI's router: dependencies, exit stacks and a
response model cost more than all that is done here. The route below it is for the OpenAPI document, and does the same.
"""

from typing import get_args

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.http.errors import BodyTooLarge
from app.http.problems import documented
from app.http.request_limits import BodyReader
from app.payment_intents.errors import SyncPending
from app.resources import Resources
from app.stripe_gateway.errors import InvalidEvent, InvalidSignature
from app.webhooks import service
from app.webhooks.errors import RecoveryPending
from app.webhooks.ingest import Outcome

PATH = "/v1/stripe/webhook"

router = APIRouter(tags=["Webhooks"])


class WebhookRead(BaseModel):
    """What became of an event."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "recorded"}]})

    outcome: Outcome = Field(
        description="`ignored`: about an object that this installation did not make, or of the other mode (live, test)."
    )


# Encoded once.
ANSWERS: dict[Outcome, bytes] = {
    outcome: WebhookRead(outcome=outcome).model_dump_json().encode() for outcome in get_args(Outcome)
}


@router.post(
    PATH,
    summary="Receive an event of Stripe's",
    responses=documented(
        InvalidSignature, InvalidEvent, BodyTooLarge, SyncPending, RecoveryPending, DatabaseUnavailable
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
    return WebhookRead(outcome=await _receive(request.scope, request.receive))


async def answer_event(scope: Scope, receive: Receive, send: Send) -> None:
    """Take in one event and answer it, as the route does. Raises what `service.receive` does."""
    body = ANSWERS[await _receive(scope, receive)]
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _receive(scope: Scope, receive: Receive) -> Outcome:
    """Read the body only after a look at the signature's form: anybody can send a body."""
    state, headers = scope["state"], dict(scope["headers"])
    header = headers.get(b"stripe-signature", b"").decode("latin-1")
    resources: Resources = state["resources"]
    service.check_signature(header)
    bodies: BodyReader = state["bodies"]
    body = await bodies.read(headers, receive, resources.settings.max_webhook_bytes)
    return await service.receive(resources, state["batcher"], body, header)
