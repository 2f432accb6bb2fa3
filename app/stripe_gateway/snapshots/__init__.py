"""Stripe's objects as frozen values of this service: never the library's objects, whose repr shows secrets.

Shapes are Stripe's (API version 2026-10-28.endive), read tolerantly: what is missing is None, and
unknown codes and statuses are kept as they are. Amounts are integers in minor units, times are UTC.
"""

from app.stripe_gateway.snapshots.charge import ChargeSnapshot
from app.stripe_gateway.snapshots.checkout_session import CheckoutSessionSnapshot
from app.stripe_gateway.snapshots.dispute import DisputeSnapshot
from app.stripe_gateway.snapshots.event import StripeEvent
from app.stripe_gateway.snapshots.fraud_warning import FraudWarningSnapshot
from app.stripe_gateway.snapshots.payment_intent import FROZEN, PAYABLE, TERMINAL, Failure, PaymentIntentSnapshot
from app.stripe_gateway.snapshots.read import Json
from app.stripe_gateway.snapshots.refund import RefundSnapshot

__all__ = [
    "FROZEN",
    "PAYABLE",
    "TERMINAL",
    "ChargeSnapshot",
    "CheckoutSessionSnapshot",
    "DisputeSnapshot",
    "Failure",
    "FraudWarningSnapshot",
    "Json",
    "PaymentIntentSnapshot",
    "RefundSnapshot",
    "StripeEvent",
]
