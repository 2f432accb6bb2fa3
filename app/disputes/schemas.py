"""Disputes, as callers read them."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from app.disputes.dispute import Dispute
from app.http.rules import rule
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import UUID
from app.references.schemas import ReferenceRead

DisputeName = Annotated[
    str,
    Path(
        pattern=rule(rf"^({UUID}|(dp|du)_[A-Za-z0-9_]{{1,100}})$", "an id of a dispute, ours or Stripe's"),
        description="Our id of the dispute, or Stripe's.",
        examples=["du_1TmX5aLkdIwHu7ix5Wq0Ye3B"],
    ),
]


class DisputeRead(BaseModel):
    """A dispute: the shopper's bank asks for the money back, or only asks (`warning_…`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0ca-52d1-7f0a-8a3c-6f1c2f9d4e11",
                    "reference": {"kind": "cart", "id": "cart-1001"},
                    "payment_intent_id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
                    "stripe_id": "du_1TmX5aLkdIwHu7ix5Wq0Ye3B",
                    "charge_id": "ch_3TmX5aLkdIwHu7ix0kQ8v1Zb",
                    "status": "needs_response",
                    "reason": "fraudulent",
                    "amount": 1999,
                    "currency": "eur",
                    "due_by": "2026-12-04T23:59:59Z",
                    "outcome": None,
                    "is_charge_refundable": False,
                    "opened_at": "2026-11-25T10:00:00Z",
                }
            ]
        }
    )

    id: uuid.UUID = Field(description="Our id.")
    reference: ReferenceRead
    payment_intent_id: uuid.UUID = Field(description="The PaymentIntent that is disputed, by our id.")
    stripe_id: str
    charge_id: str | None
    status: str = Field(
        description="Stripe's status: `needs_response`, `under_review`, `won`, `lost`, `prevented`, or that of an "
        "inquiry: `warning_needs_response`, `warning_under_review`, `warning_closed`."
    )
    reason: str = Field(description="The bank's reason, in Stripe's words.")
    amount: int = Field(description="What is disputed, in minor units.")
    currency: str
    due_by: datetime | None = Field(description="Until when evidence can be sent to Stripe.")
    outcome: str | None = Field(
        description="How it ended: `won`, `lost`, `warning_closed` or `prevented`; null while it is open. An appeal "
        "may still follow."
    )
    is_charge_refundable: bool | None = Field(
        description="Whether Stripe still takes a refund of the payment; null for disputes of an earlier release."
    )
    opened_at: datetime

    @classmethod
    def of(cls, dispute: Dispute, reference: Reference) -> Self:
        return cls(
            id=dispute.id,
            reference=ReferenceRead(kind=reference.kind, id=reference.id),
            payment_intent_id=dispute.payment_intent_id,
            stripe_id=dispute.stripe_id,
            charge_id=dispute.charge_id,
            status=dispute.status,
            reason=dispute.reason,
            amount=dispute.amount,
            currency=dispute.currency,
            due_by=dispute.due_by,
            outcome=dispute.status if dispute.is_closed else None,
            is_charge_refundable=dispute.is_charge_refundable,
            opened_at=dispute.opened_at,
        )


class DisputePage(BaseModel):
    """Disputes, newest first."""

    data: list[DisputeRead]
    next_cursor: str | None
