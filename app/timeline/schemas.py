"""The timeline of a cart or session, as callers read it."""

import re
import uuid
from datetime import datetime
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from app.db.engine import Record
from app.domain_events.feed import event_id as event_id_of
from app.payment_intents.currencies import display
from app.timeline.stories import tell

ActorKind = Literal["service", "person", "stripe", "job", "other"]

# `client:<service>/<key>`, `person:<name>`, `stripe:<event>`, `job:<name>`.
ACTOR = re.compile(r"(client|stripe|job)(?::([^/]*))?(?:/.*)?")
PERSON = "person:"  # whose name may have any characters
KINDS: dict[str, ActorKind] = {"client": "service", "stripe": "stripe", "job": "job"}


class ActorRead(BaseModel):
    """Who caused it."""

    kind: ActorKind = Field(
        description="`service`: a backend with an API key. `person`: somebody in the console. `stripe`: a webhook, by "
        "the shopper's doing or somebody's in the dashboard. `job`: this service by itself."
    )
    name: str = Field(
        description="Of the service, the person or the job; otherwise as the event has it.", examples=["shop"]
    )

    @classmethod
    def of(cls, actor: str) -> Self:
        if actor.startswith(PERSON):
            return cls(kind="person", name=actor.removeprefix(PERSON))
        match = ACTOR.fullmatch(actor)
        if match is None:
            return cls(kind="other", name=actor)
        kind = KINDS[match[1]]
        return cls(kind=kind, name="stripe" if kind == "stripe" else match[2] or match[1])


class EntryRead(BaseModel):
    """Something that happened to a payment, in words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event_id": "event_1024_1795790000123456",
                    "at": "2026-11-23T09:00:12Z",
                    "type": "attempt.failed",
                    "headline": "Attempt failed",
                    "sentence": "EUR 19.99 was not paid. The bank declined the card and gave no reason. "
                    "The shopper should ask their bank, or pay with another card.",
                    "actor": {"kind": "stripe", "name": "stripe"},
                    "amount": 1999,
                    "currency": "eur",
                    "amount_display": "EUR 19.99",
                    "payment_intent_id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
                    "stripe_event_id": "evt_3TmX5aLkdIwHu7ix0mWq3b1K",
                    "stripe_request_id": "req_9aVbq1ZtF0yLxM",
                    "ids": {"attempt_id": "019ab0c6-0a41-7b52-8f2e-6f4f1d2c9a77"},
                }
            ]
        }
    )

    event_id: str = Field(description="As in the feed of events, and in notifications.")
    at: datetime = Field(description="When it was recorded here.")
    type: str = Field(description="The type of the domain event.")
    headline: str
    sentence: str
    actor: ActorRead
    amount: int | None = Field(description="In minor units.")
    currency: str | None
    amount_display: str | None = Field(examples=["EUR 19.99"])
    payment_intent_id: uuid.UUID | None = Field(description="The PaymentIntent that it is about, by our id.")
    stripe_event_id: str | None = Field(description="Stripe's event that reported it.")
    stripe_request_id: str | None = Field(description="The request at Stripe behind it: look it up in its dashboard.")
    ids: dict[str, str] = Field(description="All else that it is about: `refund_id`, `attempt_id` and the like.")

    @classmethod
    def of(cls, record: Record) -> Self:
        data: dict[str, Any] = msgspec.json.decode(record["data"])
        amount, currency = data.get("amount"), data.get("currency")
        _, _, event_id = record["actor"].partition("stripe:")
        story = tell(record["type"], data)
        return cls(
            event_id=event_id_of(record["id"], record["created_at"]),
            at=record["created_at"],
            type=record["type"],
            headline=story.headline,
            sentence=story.sentence,
            actor=ActorRead.of(record["actor"]),
            amount=amount,
            currency=currency,
            amount_display=display(amount, currency) if amount is not None and currency is not None else None,
            payment_intent_id=record["payment_intent_id"],
            stripe_event_id=event_id or None,
            stripe_request_id=record["stripe_request_id"],
            ids={name: str(value) for name, value in data.items() if name.endswith("_id") and value is not None},
        )


class TimelinePage(BaseModel):
    """What happened, oldest first."""

    data: list[EntryRead]
    next_cursor: str | None
