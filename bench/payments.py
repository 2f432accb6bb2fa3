"""Payments to throw events at: rows as the API leaves them, and the events of a decline and a success, 4 kB each."""

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.db.engine import create_engine
from app.payment_intents import content
from app.payment_intents.content import Marks
from app.references.models import Reference
from app.settings import DatabaseSettings

BODY = 4_000
SECRET = "whsec_bench"  # noqa: S105 - made up
INSTANCE = "bench"


@dataclass(frozen=True, slots=True)
class Payment:
    id: uuid.UUID
    stripe_id: str
    cart: str

    @property
    def marks(self) -> Marks:
        return Marks(INSTANCE, self.id, Reference("cart", self.cart))


def payments(count: int) -> list[Payment]:
    return [Payment(uuid.uuid4(), f"pi_{uuid.uuid4().hex[:24]}", f"cart-{number}") for number in range(count)]


REQUESTED: dict[str, Any] = dict.fromkeys(content.FIELDS) | {
    "amount": 1000,
    "currency": "eur",
    "capture_method": "automatic_async",
    "metadata": {},
    "cart_version": 1,
}


async def insert(database_url: str, made: list[Payment]) -> None:
    """Insert the payments as they are after the first PUT."""
    engine = create_engine(DatabaseSettings.model_validate({"database_url": database_url}))
    requested = json.dumps(REQUESTED)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO payment_references (kind, id, next_generation, next_sequence) VALUES ('cart', :cart, 2, 1)"
            ),
            [{"cart": payment.cart} for payment in made],
        )
        await connection.execute(
            text(
                "INSERT INTO payment_intents (id, reference_kind, reference_id, generation, stripe_id, opening,"
                " requested, revision, applied, version, needs_sync, is_closing, status, amount, currency,"
                " amount_received, amount_capturable, amount_refunded, flags)"
                " VALUES (:id, 'cart', :cart, 1, :stripe_id,"
                " CAST(:opening AS jsonb), CAST(:requested AS jsonb), 1, CAST(:applied AS jsonb), 1, false, false,"
                " 'requires_payment_method', 1000, 'eur', 0, 0, 0, '[]')"
            ),
            [
                {
                    "id": payment.id,
                    "cart": payment.cart,
                    "stripe_id": payment.stripe_id,
                    "opening": json.dumps(content.opening_parameters(REQUESTED, 1, payment.marks)),
                    "requested": requested,
                    "applied": json.dumps(REQUESTED | {"revision": 1}),
                }
                for payment in made
            ],
        )
    await engine.dispose()


def bodies(payment: Payment) -> list[bytes]:
    """Give the payment's five events in Stripe's order: created, failed twice, succeeded twice."""
    failed, paid = _charge(payment, "failed"), _charge(payment, "succeeded")
    error = {"type": "card_error", "code": "card_declined", "charge": failed["id"], "message": "Declined."}
    return [
        _event("payment_intent.created", _intent(payment, "requires_payment_method")),
        _event("charge.failed", failed),
        _event("payment_intent.payment_failed", _intent(payment, "requires_payment_method", last_payment_error=error)),
        _event("charge.succeeded", paid),
        _event("payment_intent.succeeded", _intent(payment, "succeeded", amount_received=1000)),
    ]


def _intent(payment: Payment, status: str, **more: Any) -> dict[str, Any]:
    metadata = payment.marks.of(REQUESTED, 1)
    base = {"id": payment.stripe_id, "object": "payment_intent", "status": status, "amount": 1000, "currency": "eur"}
    return base | {"metadata": metadata, "created": int(time.time()), "capture_method": "automatic_async"} | more


def _charge(payment: Payment, status: str) -> dict[str, Any]:
    is_failed = status == "failed"
    card = {"brand": "visa", "last4": "0002" if is_failed else "4242", "three_d_secure": None}
    return {
        "id": f"ch_{uuid.uuid4().hex[:24]}",
        "object": "charge",
        "payment_intent": payment.stripe_id,
        "status": status,
        "amount": 1000,
        "currency": "eur",
        "created": int(time.time()),
        "metadata": payment.marks.of(REQUESTED, 1),
        "failure_code": "card_declined" if is_failed else None,
        "failure_message": "Your card was declined." if is_failed else None,
        "outcome": {"type": "issuer_declined" if is_failed else "authorized", "risk_level": "normal"},
        "payment_method_details": {"type": "card", "card": card},
    }


def _event(kind: str, obj: dict[str, Any]) -> bytes:
    """Fill it up to Stripe's usual size with what nobody reads."""
    event = {"id": f"evt_{uuid.uuid4().hex[:24]}", "object": "event", "type": kind, "created": int(time.time())}
    event |= {"livemode": False, "request": {"id": f"req_{uuid.uuid4().hex[:14]}"}, "data": {"object": obj}}
    missing = BODY - len(json.dumps(event))
    obj["unread"] = {f"field_{number}": "x" * 20 for number in range(missing // 37)}
    return json.dumps(event).encode()


def request(body: bytes) -> bytes:
    """Give the whole HTTP request, signed now."""
    stamp = int(time.time())
    signed = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    head = (
        "POST /v1/stripe/webhook HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: t={stamp},v1={signed}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
