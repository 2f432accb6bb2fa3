"""The only package that imports stripe."""

from app.stripe_gateway.account import API_VERSION, AccountSnapshot, WebhookEndpointSnapshot
from app.stripe_gateway.gateway import KeyTaken, StripeGateway, UnexpectedState, open_gateway
from app.stripe_gateway.signature import verify
from app.stripe_gateway.snapshots import (
    FROZEN,
    PAYABLE,
    TERMINAL,
    ChargeSnapshot,
    Failure,
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
    "Failure",
    "KeyTaken",
    "PaymentIntentSnapshot",
    "RefundSnapshot",
    "StripeEvent",
    "StripeGateway",
    "UnexpectedState",
    "WebhookEndpointSnapshot",
    "open_gateway",
    "verify",
]
