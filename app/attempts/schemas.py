"""The attempts to pay, as callers read them."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, computed_field

from app.attempts.explanations import explain


class AttemptRead(BaseModel):
    """One attempt to pay."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0c6-0a41-7b52-8f2e-6f4f1d2c9a77",
                    "payment_intent_id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
                    "charge_id": "ch_3TmX5aLkdIwHu7ix0kQ8v1Zb",
                    "status": "failed",
                    "amount": 1999,
                    "amount_authorized": 0,
                    "amount_captured": 0,
                    "amount_released": 0,
                    "amount_refunded": 0,
                    "currency": "eur",
                    "cart_version": 3,
                    "payment_method_type": "card",
                    "card_brand": "visa",
                    "card_last4": "0002",
                    "card_country": "DE",
                    "card_wallet": None,
                    "failure_code": "card_declined",
                    "decline_code": "generic_decline",
                    "message": "Your card was declined.",
                    "explanation": "The bank declined the card and gave no reason. "
                    "The shopper should ask their bank, or pay with another card.",
                    "outcome_type": "issuer_declined",
                    "risk_level": "normal",
                    "seller_message": "The bank did not return any further details with this decline.",
                    "three_d_secure": None,
                    "capture_before": None,
                    "attempted_at": "2026-11-23T09:00:12Z",
                }
            ]
        },
    )

    id: uuid.UUID
    payment_intent_id: uuid.UUID = Field(description="Our id of the PaymentIntent that this attempt tried to pay.")
    charge_id: str | None = Field(description="Stripe's Charge; an attempt that failed in 3DS may have none.")
    status: str = Field(description="`succeeded`, `pending` or `failed`.")
    amount: int = Field(description="What it tried to pay, in minor units, as are the next four.")
    amount_authorized: int = Field(description="What the shopper's bank agreed to; 0 unless it `succeeded`.")
    amount_captured: int = Field(description="What was taken of that.")
    amount_released: int = Field(description="What was held and will not be taken: it was canceled or not captured.")
    amount_refunded: int = Field(description="What of the captured amount was refunded, or is being refunded.")
    currency: str
    cart_version: int | None = Field(description="The version of the cart that this attempt tried to pay for.")
    payment_method_type: str | None
    card_brand: str | None
    card_last4: str | None
    card_country: str | None = Field(description="Where the card was issued: two letters, ISO 3166.")
    card_wallet: str | None = Field(description="`apple_pay`, `google_pay` or the like, in Stripe's words.")
    failure_code: str | None
    decline_code: str | None = Field(description="The bank's reason, in Stripe's words.")
    message: str | None = Field(description="A sentence that the shopper may read.")
    outcome_type: str | None
    risk_level: str | None
    seller_message: str | None = Field(description="A sentence for the shop's staff.")
    three_d_secure: str | None = Field(description="The result of 3D Secure, where it ran.")
    capture_before: datetime | None = Field(description="Until when held money can be captured, if Stripe says so.")
    attempted_at: datetime

    @computed_field(description="Why it failed and what helps, a sentence for support; null when it did not.")  # type: ignore[prop-decorator] # mypy cannot follow a decorated property
    @property
    def explanation(self) -> str | None:
        return explain(self.failure_code, self.decline_code, self.payment_method_type)


class AttemptPage(BaseModel):
    """Attempts, newest first."""

    data: list[AttemptRead]
    next_cursor: str | None


class AttemptSummary(BaseModel):
    """How many attempts were made, and the last one."""

    model_config = ConfigDict(from_attributes=True)

    count: int
    failed: int
    last: AttemptRead | None
