"""The only package that imports stripe."""

from app.stripe_gateway.account import API_VERSION, AccountSnapshot, WebhookEndpointSnapshot
from app.stripe_gateway.gateway import StripeGateway, open_gateway
from app.stripe_gateway.outcomes import KeyTaken, StoredFailure, UnexpectedState
from app.stripe_gateway.signature import verify
from app.stripe_gateway.snapshots import (
    FROZEN,
    PAYABLE,
    TERMINAL,
    ChargeSnapshot,
    DisputeSnapshot,
    Failure,
    PaymentIntentSnapshot,
    RefundSnapshot,
    StripeEvent,
)
from app.stripe_gateway.undelivered import EventPage, Window

__all__ = [
    "API_VERSION",
    "FROZEN",
    "PAYABLE",
    "TERMINAL",
    "AccountSnapshot",
    "ChargeSnapshot",
    "DisputeSnapshot",
    "EventPage",
    "Failure",
    "KeyTaken",
    "PaymentIntentSnapshot",
    "RefundSnapshot",
    "StoredFailure",
    "StripeEvent",
    "StripeGateway",
    "UnexpectedState",
    "WebhookEndpointSnapshot",
    "Window",
    "open_gateway",
    "verify",
]
