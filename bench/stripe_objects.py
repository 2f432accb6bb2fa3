"""Stripe's objects in their full shape, as `stripe_objects.json` has them, and signed events about them."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

API_VERSION = "2026-10-28.endive"
WEBHOOK_SECRET = "whsec_bench"  # noqa: S105 - made up

_SHAPES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("stripe_objects.json").read_text())


def payment_intent(stripe_id: str, amount: int, metadata: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """Return a PaymentIntent that nobody has paid yet, but for the changes."""
    known = {"id": stripe_id, "client_secret": f"{stripe_id}_secret_bench", "amount": amount, "metadata": metadata}
    return _SHAPES["payment_intent"] | known | {"created": int(time.time())} | changes


def events(intent: Mapping[str, Any]) -> list[bytes]:
    """Return the bodies of the five events of one declined and one successful attempt, in Stripe's order."""
    failed, paid = _charge(intent, is_paid=False), _charge(intent, is_paid=True)
    error = _SHAPES["last_payment_error"] | {"charge": failed["id"]}
    succeeded = {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": paid["id"]}
    return [
        _event("payment_intent.created", intent),
        _event("charge.failed", failed),
        _event("payment_intent.payment_failed", {**intent, "last_payment_error": error, "latest_charge": failed["id"]}),
        _event("charge.succeeded", paid),
        _event("payment_intent.succeeded", {**intent, **succeeded}),
    ]


def _charge(intent: Mapping[str, Any], *, is_paid: bool) -> dict[str, Any]:
    copied = {name: intent[name] for name in ("amount", "currency", "metadata", "created")}
    suffix = intent["id"].removeprefix("pi_")
    known = {"id": f"ch_{suffix}{'s' if is_paid else 'f'}", "payment_intent": intent["id"]}
    captured = {"amount_captured": intent["amount"] if is_paid else 0}
    return _SHAPES["charge"] | ({} if is_paid else _SHAPES["failure"]) | copied | known | captured


def _event(kind: str, obj: Mapping[str, Any]) -> bytes:
    event = {
        "id": f"evt_{uuid.uuid4().hex[:24]}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "data": {"object": obj},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_8x2TqLm4VbZn1K", "idempotency_key": str(uuid.uuid4())},
        "type": kind,
    }
    return json.dumps(event, indent=2).encode()  # Stripe's webhooks are indented too


def signature(body: bytes) -> str:
    """Return the value of `Stripe-Signature` for a body that is sent now."""
    now = int(time.time())
    proof = hmac.new(WEBHOOK_SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={proof}"
