"""Domain events as others read them: one schema for each type, made from the protocol's own classes."""

import uuid
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import models_json_schema

from app.db.engine import Record
from app.domain_events.cursor import FeedCursor
from app.domain_events.feed import event_id
from app.payment_intents.protocol.events import FACTS, FactClass
from app.references.schemas import ReferenceRead


class EventRead(BaseModel):
    """Something that happened to a payment."""

    id: str = Field(description="Unique; the same whenever the event is read or sent again.")
    type: str
    version: int = Field(description="Of the schema of `data`. It grows when a reader must change.")
    reference: ReferenceRead
    sequence: int = Field(description="Counts the events of the cart or session from 1, without a gap.")
    created_at: datetime
    payment_intent_id: uuid.UUID = Field(description="The PaymentIntent, by our id.")
    stripe_id: str | None = Field(description="The PaymentIntent, by Stripe's id; null before Stripe made it.")
    cart_version: int | None = Field(description="The version of the cart that it is about, if you count them.")
    actor: str = Field(
        description="Who caused it: `client:<client>/<key>`, `person:<name>`, `stripe:<event>`, `job:<name>`."
    )
    stripe_request_id: str | None = Field(description="The request at Stripe behind it, as in Stripe's dashboard.")
    data: Any


# What each field of data means, whatever event it is in, and an example.
FIELDS: dict[str, tuple[str, Any]] = {
    "action": ("What was asked for.", "refund"),
    "action_id": ("Tells this request from others.", "0199a3c4-7d1e-7c02-9f5a-3a6b1c2d4e61"),
    "amount": ("In minor units.", 1999),
    "amount_capturable": ("What can be captured, in minor units.", 1999),
    "amount_received": ("What was received, in minor units; less than `amount` after a partial capture.", 1999),
    "amount_remaining": ("What the shopper still has to transfer, in minor units.", 999),
    "attempt_id": ("As in the list of attempts.", "0199a3c4-7d1e-7c02-9f5a-3a6b1c2d4e5f"),
    "canceled_by": ("The actor who asked for it, else `service`, `stripe` or `dashboard`.", "client:shop/k1"),
    "cart_id": ("The cart that has it from now on.", "cart-1001"),
    "channel": ("What the shopper pays with: `payment_intent` or `checkout_session`.", "payment_intent"),
    "currency": ("Three letters, in lower case.", "eur"),
    "decline_code": ("Why the bank declined, in Stripe's words.", "insufficient_funds"),
    "due_by": ("Until when evidence can be sent to Stripe.", "2026-12-10T23:59:59Z"),
    "earlier_amount": ("The amount that it told, in minor units.", 1999),
    "earlier_currency": ("The currency that it told.", "eur"),
    "earlier_type": ("What it was called.", "payment_intent.requested"),
    "failure_code": ("Why it failed, in Stripe's words.", "card_declined"),
    "failure_reason": ("Why the bank returned it, in Stripe's words.", "lost_or_stolen_card"),
    "flag": ("What a person should check.", "amount_mismatch"),
    "fraud_type": ("What kind of fraud it is suspected to be, in Stripe's words.", "made_with_stolen_card"),
    "generation": ("Counts the PaymentIntents of the cart or session from 1.", 1),
    "is_actionable": ("Whether a refund may still avoid a dispute.", True),
    "is_adopted": ("Whether it was found at Stripe after it had been lost here.", False),
    "is_customer_repaid": ("Always false.", False),
    "next_action": ("What the shopper must do, in Stripe's words.", "use_stripe_sdk"),
    "origin": ("`api`: requested here; `stripe`: made at Stripe.", "api"),
    "payment_method_type": ("What the shopper paid with, in Stripe's words.", "card"),
    "previous_amount": ("What Stripe held before, in minor units.", 1499),
    "previous_currency": ("What Stripe held before.", "eur"),
    "previous_payment_intent_id": ("The paid one that it follows, by our id.", None),
    "previous_status": ("What was known of the refund before.", "succeeded"),
    "reason": ("Why, in one of a few words.", "requested"),
    "refund_id": ("As in the list of refunds.", "0199a3c4-7d1e-7c02-9f5a-3a6b1c2d4e60"),
    "session_id": ("The session that had it before.", "session-77"),
    "status": ("In Stripe's words; `refused` if Stripe refused a refund.", "failed"),
    "stripe_charge_id": ("The Charge.", "ch_3TmX5aLkdIwHu7ix0pZ1Qm2R"),
    "stripe_code": ("Stripe's code of the refusal.", "charge_already_refunded"),
    "stripe_dispute_id": ("The dispute.", "du_1TmX5aLkdIwHu7ix5Wq0Ye3B"),
    "stripe_refund_id": ("The refund, by Stripe's id; null before Stripe made it.", "re_3TmX5aLkdIwHu7ix0aB1Cd2E"),
    "stripe_warning_id": ("The early fraud warning.", "issfr_1TmX5aLkdIwHu7ixQw3Er4T"),
    "why": ("Why the person asked for it, in one of a few words.", "requested_by_customer"),
}


def _model(fact: FactClass) -> type[EventRead]:
    narrowed: dict[str, Any] = {
        "type": (Literal[fact.type], ...),
        "version": (Literal[fact.version], ...),
        "data": (fact, ...),
    }
    return create_model(f"{fact.__name__}Event", __base__=EventRead, __doc__=fact.__doc__, **narrowed)


EVENT_MODELS: dict[str, type[EventRead]] = {fact.type: _model(fact) for fact in FACTS}


def event_of(record: Record) -> EventRead:
    """Return an event as it is read and sent."""
    return EventRead(
        id=event_id(record["id"], record["created_at"]),
        type=record["type"],
        version=record["version"],
        reference=ReferenceRead(kind=record["reference_kind"], id=record["reference_id"]),
        sequence=record["sequence"],
        created_at=record["created_at"],
        payment_intent_id=record["payment_intent_id"],
        stripe_id=record["stripe_id"],
        cart_version=record["cart_version"],
        actor=record["actor"],
        stripe_request_id=record["stripe_request_id"],
        data=msgspec.json.decode(record["data"]),
    )


def _one_of_all(schema: dict[str, Any]) -> None:
    """Describe a list's entries: one of all types of events, which `type` tells apart."""
    names = {type_: f"#/components/schemas/{model.__name__}" for type_, model in EVENT_MODELS.items()}
    one_of = [{"$ref": name} for name in names.values()]
    schema["items"] = {"oneOf": one_of, "discriminator": {"propertyName": "type", "mapping": names}}


class EventPage(BaseModel):
    """Events, oldest first."""

    data: list[EventRead] = Field(json_schema_extra=_one_of_all)
    next_cursor: str = Field(
        description="Behind the last event that was looked at, wanted or not. Always given: send it as `after`."
    )
    is_caught_up: bool = Field(description="Whether this was the last event that there is now.")

    @classmethod
    def of(cls, events: list[EventRead], cursor: FeedCursor, *, is_caught_up: bool) -> Self:
        return cls(data=events, next_cursor=cursor.encode(), is_caught_up=is_caught_up)


def example_of(fact: FactClass) -> dict[str, Any]:
    """Return an event of this type as it is read."""
    return {
        "id": "event_1024_1795790000123456",
        "type": fact.type,
        "version": fact.version,
        "reference": {"kind": "cart", "id": "cart-1001"},
        "sequence": 3,
        "created_at": "2026-11-27T14:33:20.123456Z",
        "payment_intent_id": "0199a3c4-7d1e-7c02-9f5a-3a6b1c2d4e5e",
        "stripe_id": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R",
        "cart_version": 2,
        "actor": "stripe:evt_3TmX5aLkdIwHu7ix0Qm2RpZ1",
        "stripe_request_id": "req_4QmX5aLkdIwHu7",
        "data": {field.name: FIELDS[field.name][1] for field in fields(fact)},
    }


def openapi_schemas() -> dict[str, Any]:
    """Return the schemas of all events and of their data, each field described."""
    models = list(EVENT_MODELS.values())
    _, definitions = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    for fact in FACTS:
        schema = schemas[fact.__name__]
        schema["required"] = list(schema["properties"])
        for name, field in schema["properties"].items():
            field.pop("default", None)
            field["description"] = FIELDS[name][0]
    return schemas


def openapi_webhooks() -> dict[str, Any]:
    """Return OpenAPI's `webhooks`: what is sent for each type of event."""
    return {
        fact.type: {
            "post": {
                "tags": ["Events"],
                "summary": fact.type,
                "description": fact.__doc__,
                "operationId": fact.type.replace(".", "_"),
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": f"#/components/schemas/{EVENT_MODELS[fact.type].__name__}"},
                            "example": example_of(fact),
                        }
                    },
                },
                "responses": {"2XX": {"description": "The event was taken."}},
            }
        }
        for fact in FACTS
    }
