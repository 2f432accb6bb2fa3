"""Append domain events, in the transaction of the change that they tell."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.domain_events.models import Event
from app.references.models import PaymentReference

# Where a session keeps them until then.
APPENDED = "appended events"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused a change: `client:shop`, `stripe:evt_…`, `job:converge`, and the Stripe request behind it."""

    name: str
    stripe_request_id: str | None = None

    def because_of(self, stripe_request_id: str | None) -> "Actor":
        return replace(self, stripe_request_id=stripe_request_id)


def append(
    session: AsyncSession,
    reference: PaymentReference,
    type_: str,
    data: dict[str, Any],
    *,
    payment_intent_id: uuid.UUID | None,
    actor: Actor,
) -> None:
    """Append one event with the next number of its reference, which the caller has locked.

    It is written with the others of the transaction, when that commits.
    """
    session.info.setdefault(APPENDED, []).append(
        {
            "reference_kind": reference.kind,
            "reference_id": reference.id,
            "sequence": reference.take_sequence(),
            "payment_intent_id": payment_intent_id,
            "type": type_,
            "data": data,
            "actor": actor.name,
            "stripe_request_id": actor.stripe_request_id,
        }
    )


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    """Write a transaction's events with one statement: as rows of the session they took longer than all else in it."""
    if appended := session.info.pop(APPENDED, None):
        session.execute(insert(Event), appended)
