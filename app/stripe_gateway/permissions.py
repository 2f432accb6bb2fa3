"""What a restricted key must be allowed to do, each with a request that needs it and changes nothing.

Nothing at Stripe has these ids: a request that is permitted ends in "No such …". Stripe looks at a key's permissions
before it looks for the object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Permission:
    """A line of the form for restricted keys in Stripe's dashboard, and how it is tried."""

    name: str
    method: str
    path: str
    params: Mapping[str, int] = field(default_factory=dict)


WRITE_PAYMENT_INTENTS = Permission("PaymentIntents: Write", "post", "/v1/payment_intents/pi_permission/cancel")
WRITE_CHECKOUT = Permission("Checkout Sessions: Write", "post", "/v1/checkout/sessions/cs_test_permission/expire")
WRITE_CHARGES = Permission("Charges and Refunds: Write", "post", "/v1/refunds/re_permission/cancel")
READ_DISPUTES = Permission("Disputes: Read", "get", "/v1/disputes", {"limit": 1})
READ_EVENTS = Permission("Events: Read", "get", "/v1/events", {"limit": 1})
READ_WEBHOOKS = Permission("Webhook Endpoints: Read", "get", "/v1/webhook_endpoints", {"limit": 1})
READ_ACCOUNT = Permission("Accounts: Read", "get", "/v1/account")

PERMISSIONS = (
    *(WRITE_PAYMENT_INTENTS, WRITE_CHECKOUT, WRITE_CHARGES, READ_DISPUTES, READ_EVENTS, READ_WEBHOOKS, READ_ACCOUNT),
)
