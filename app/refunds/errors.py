"""Why a refund is not made, or not found."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from app.errors import Conflict, InvalidRequest, NotFound


class RefundNotFound(NotFound):
    """There is no refund with this id."""

    code, title = "refund_not_found", "Refund not found"


class IdempotencyKeyReused(InvalidRequest):
    """This Idempotency-Key was used for another request; nothing was changed. Each refund needs a key of its own."""

    status, code, title = HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", "Idempotency key reused"


class PaymentNotRefundable(Conflict):
    """This payment has not succeeded, so there is nothing to give back; `payment_status` tells how it stands."""

    code, title = "payment_not_refundable", "Payment not refundable"
    extension_types: ClassVar[Mapping[str, Any]] = {"payment_status": str}


class PaymentNotCaptured(Conflict):
    """This payment is authorized but not captured; cancel the PaymentIntent instead of refunding it."""

    code, title = "payment_not_captured", "Payment not captured"
    extension_types: ClassVar[Mapping[str, Any]] = {"payment_intent_id": UUID}


class PaymentIntentAmbiguous(Conflict):
    """Several PaymentIntents of this reference succeeded; name the one to refund in `payment_intent`.

    `payment_intents` lists them.
    """

    code, title = "payment_intent_ambiguous", "PaymentIntent ambiguous"
    extension_types: ClassVar[Mapping[str, Any]] = {"payment_intents": list[UUID]}


class NothingToRefund(Conflict):
    """All that was received is refunded already, or reserved by refunds under way."""

    code, title = "nothing_to_refund", "Nothing to refund"


class RefundExceedsPayment(Conflict):
    """The amount is more than is left of what was received; `amount_refundable` tells what is left."""

    code, title = "refund_exceeds_payment", "Refund exceeds payment"
    extension_types: ClassVar[Mapping[str, Any]] = {"amount_refundable": int}
