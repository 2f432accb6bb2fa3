"""The only package that imports stripe."""

from app.stripe_gateway.account import API_VERSION, AccountSnapshot, WebhookEndpointSnapshot
from app.stripe_gateway.checkout import CheckoutSessions
from app.stripe_gateway.errors import IdempotencyKeyConflict, ReplayedServerError, UnexpectedState
from app.stripe_gateway.event_list import EventPage, Window
from app.stripe_gateway.gateway import StripeGateway, open_gateway
from app.stripe_gateway.signature import check_signature_form, verify
from app.stripe_gateway.snapshots import (
    FROZEN,
    PAYABLE,
    TERMINAL,
    ChargeSnapshot,
    CheckoutSessionSnapshot,
    DisputeSnapshot,
    Failure,
    FraudWarningSnapshot,
    PaymentIntentSnapshot,
    RefundSnapshot,
    StripeEvent,
)

__all__ = [
    "API_VERSION",
    "FROZEN",
    "PAYABLE",
    "TERMINAL",
    "AccountSnapshot",
    "ChargeSnapshot",
    "CheckoutSessionSnapshot",
    "CheckoutSessions",
    "DisputeSnapshot",
    "EventPage",
    "Failure",
    "FraudWarningSnapshot",
    "IdempotencyKeyConflict",
    "PaymentIntentSnapshot",
    "RefundSnapshot",
    "ReplayedServerError",
    "StripeEvent",
    "StripeGateway",
    "UnexpectedState",
    "WebhookEndpointSnapshot",
    "Window",
    "check_signature_form",
    "open_gateway",
    "verify",
]
