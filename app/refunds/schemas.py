"""The bodies of requests and responses about a refund."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.http.rules import rule
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import (
    MAX_AMOUNT,
    MAX_METADATA_PAIRS,
    MetadataKey,
    MetadataValue,
    PaymentIntentName,
    Strict,
    refuse_keys,
)
from app.references.schemas import ReferenceRead
from app.refunds.params import METADATA_KEYS, own_metadata
from app.refunds.refund import Origin, Refund

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=rule(r"^[ -~]+$", "printable ASCII characters"),
        description="Your key for this one refund, 1 to 255 printable ASCII characters: the same request with the same "
        "key returns the same refund. A key belongs to your service, whichever of its API keys is used.",
        examples=["refund-4711"],
    ),
]


RefundReason = Literal["duplicate", "fraudulent", "requested_by_customer"]


class RefundCreate(Strict):
    """How much to refund, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"amount": 500, "reason": "requested_by_customer", "metadata": {"ticket": "4711"}}]
        }
    )

    amount: Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)] | None = Field(
        None, description="In minor units (cents); everything that is left when left out."
    )
    reason: RefundReason | None = Field(
        None, description="`fraudulent` also puts the card and the email address on Stripe's block list."
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(default={}, max_length=MAX_METADATA_PAIRS - len(METADATA_KEYS))
    payment_intent: PaymentIntentName | None = Field(
        None,
        description="The PaymentIntent to refund, by our id or Stripe's; needed only when several of this reference "
        "succeeded.",
    )

    _check_metadata = field_validator("metadata")(refuse_keys(METADATA_KEYS))


class Refusal(BaseModel):
    """Why Stripe refused the refund."""

    stripe_code: str | None = Field(description="Stripe's code; some refusals have none.")
    detail: str


class RefundRead(BaseModel):
    """A refund, made here or in Stripe's dashboard."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0c9-1d0e-7c41-a6a5-0d3c5b7e2f60",
                    "reference": {"kind": "cart", "id": "cart-1001"},
                    "payment_intent_id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
                    "stripe_id": "re_3TmX5aLkdIwHu7ix0c9ZrB4e",
                    "status": "succeeded",
                    "amount": 500,
                    "currency": "eur",
                    "reason": "requested_by_customer",
                    "failure_reason": None,
                    "refusal": None,
                    "origin": "api",
                    "metadata": {"ticket": "4711"},
                    "created_at": "2026-11-24T10:00:00Z",
                    "updated_at": "2026-11-24T10:00:01Z",
                }
            ]
        }
    )

    id: uuid.UUID = Field(description="Our id.")
    reference: ReferenceRead
    payment_intent_id: uuid.UUID = Field(description="The PaymentIntent that is refunded, by our id.")
    stripe_id: str | None = Field(description="Stripe's id; null until Stripe answered, and when it refused.")
    status: str | None = Field(
        description="Stripe's status: `pending`, `requires_action`, `succeeded`, `failed` or `canceled`. A refund that "
        "`succeeded` can still become `failed` in the next 30 days. Null while the outcome is not known; `refused` "
        "when Stripe refused it."
    )
    amount: int = Field(description="In minor units. It is reserved until the refund fails, is canceled or is refused.")
    currency: str
    reason: str | None
    failure_reason: str | None = Field(description="Stripe's code for why the refund failed.")
    refusal: Refusal | None
    origin: Origin = Field(description="`stripe` when it was made in Stripe's dashboard.")
    metadata: dict[str, str] = Field(description="The metadata sent with the request.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Refund, reference: Reference) -> Self:
        return cls(
            id=row.id,
            reference=ReferenceRead(kind=reference.kind, id=reference.id),
            payment_intent_id=row.payment_intent_id,
            stripe_id=row.stripe_id,
            status=row.status,
            amount=row.amount,
            currency=row.currency,
            reason=row.reason,
            failure_reason=row.failure_reason,
            refusal=_refusal(row.refusal),
            origin=row.origin,
            metadata=own_metadata(row.create_params),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _refusal(stored: dict[str, Any] | None) -> Refusal | None:
    return Refusal.model_validate(stored) if stored else None


class RefundPage(BaseModel):
    """Refunds, newest first."""

    data: list[RefundRead]
    next_cursor: str | None
