"""The state of a PaymentIntent, as a shopper's browser sees it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from app.attempts.repository import AttemptHistory
from app.payment_intents.protocol.state import PaymentIntentState

# Our own sentences: Stripe's may say why a bank or a fraud rule declined, and a thief could use that.
MESSAGES = {
    "requires_payment_method": "Please choose how to pay.",
    "requires_confirmation": "Please confirm the payment.",
    "requires_action": "Please confirm the payment with your bank.",
    "processing": "Your payment is on its way.",
    "requires_capture": "Your payment is authorized.",
    "succeeded": "Your payment has arrived.",
    "canceled": "This payment was cancelled; nothing was charged.",
}
DECLINED = "The payment did not go through. Please try again or choose another way to pay."
NOT_READY = "The payment is being prepared."


class CheckoutStateRead(BaseModel):
    """The state as a shopper's browser sees it: no decline code, no risk level, no other cart."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "status": "requires_payment_method",
                    "amount": 1999,
                    "currency": "eur",
                    "message": MESSAGES["requires_payment_method"],
                }
            ]
        },
    )

    status: str | None = Field(description="Stripe's status; null until Stripe answered.")
    amount: int | None = Field(description="In minor units; null until Stripe answered.")
    currency: str | None
    message: str = Field(description="A sentence for the shopper.")

    @classmethod
    def of(cls, row: PaymentIntentState, attempts: AttemptHistory) -> Self:
        has_failed = row.status == "requires_payment_method" and attempts.failed > 0
        message = DECLINED if has_failed else MESSAGES.get(row.status or "", NOT_READY)
        return cls(status=row.status, amount=row.amount, currency=row.currency, message=message)


class ConfirmRead(CheckoutStateRead):
    """The state after a confirm, with what the page needs for the next step."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "requires_action",
                    "amount": 1999,
                    "currency": "eur",
                    "message": MESSAGES["requires_action"],
                    "client_secret": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R_secret_…",
                }
            ]
        }
    )

    client_secret: str | None = Field(
        description="With the status `requires_action`, for `stripe.handleNextAction` in the shopper's browser."
    )
