"""What a person should look at, each with a sentence and what to do. Most of the time there is nothing.

Each kind is one query over an index that holds little but what is wanted. What a person has marked as looked at stays
away until something new happens to that payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.console.access import Support
from app.console.deliveries import host_of
from app.console.pages import money, render, words
from app.console.route import ConsoleRoute
from app.db.engine import Database, Record
from app.resources import ResourcesDependency

router = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)

MAX_OF_A_KIND = 50
LATE_AFTER = timedelta(minutes=15)  # a worker looks at what is due within two minutes

# What is new to a person about a payment.
_UNSEEN = """
NOT EXISTS (
    SELECT FROM console_actions AS seen
    WHERE seen.payment_intent_id = p.id AND seen.action = 'mark_seen' AND seen.outcome = 'done'
        AND seen.created_at > coalesce((
            SELECT max(e.created_at) FROM domain_events AS e
            WHERE e.payment_intent_id = p.id AND e.type IN (
                'payment.flagged', 'refund.failed', 'dispute.opened', 'dispute.updated', 'fraud_warning.created'
            )
        ), '-infinity')
)
"""
_PAYMENT = "p.id AS payment_intent_id, p.reference_kind, p.reference_id"

_FLAGGED = f"""
SELECT {_PAYMENT}, f.flag AS kind, coalesce(p.amount_received, p.amount) AS amount, p.currency, p.updated_at AS at,
    p.amount_refundable AS refundable
FROM (
    SELECT *, CASE WHEN amount_disputed > 0 OR amount_lost > 0 THEN 0 ELSE amount_received - amount_reserved END
        AS amount_refundable
    FROM payment_intents WHERE flags <> '[]'
) AS p, jsonb_array_elements_text(p.flags) AS f (flag)
WHERE f.flag <> 'disputed' AND (f.flag = 'paid_after_close' OR p.amount_refundable > 0) AND {_UNSEEN}
ORDER BY p.id DESC LIMIT {MAX_OF_A_KIND}
"""  # noqa: S608 - our own text

_FAILED_REFUNDS = f"""
SELECT {_PAYMENT}, 'refund_failed' AS kind, r.amount, r.currency, r.updated_at AS at, r.failure_reason AS detail
FROM refunds AS r JOIN payment_intents AS p ON p.id = r.payment_intent_id
WHERE r.status = 'failed' AND p.amount_received - p.amount_reserved >= r.amount AND {_UNSEEN}
ORDER BY r.created_at DESC LIMIT {MAX_OF_A_KIND}
"""  # noqa: S608 - our own text

_DISPUTES = f"""
SELECT {_PAYMENT}, 'dispute_due' AS kind, d.amount, d.currency, d.opened_at AS at, d.due_by, d.reason AS detail,
    d.stripe_id
FROM disputes AS d JOIN payment_intents AS p ON p.id = d.payment_intent_id
WHERE d.status IN ('needs_response', 'warning_needs_response')
ORDER BY d.due_by NULLS LAST, d.id LIMIT {MAX_OF_A_KIND}
"""  # noqa: S608 - our own text

_REFUSED_PRICES = f"""
SELECT {_PAYMENT}, 'price_refused' AS kind, (p.requested_terms ->> 'amount')::bigint AS amount, p.currency,
    p.updated_at AS at
FROM payment_intents AS p
WHERE p.refused_revision IS NOT NULL AND p.closed_at IS NULL AND p.status <> 'succeeded' AND {_UNSEEN}
ORDER BY p.id DESC LIMIT {MAX_OF_A_KIND}
"""  # noqa: S608 - our own text

_LATE = f"""
SELECT {_PAYMENT}, 'late' AS kind, p.amount, p.currency, p.due_at AS at
FROM payment_intents AS p WHERE p.due_at < now() - $1::interval
ORDER BY p.due_at LIMIT {MAX_OF_A_KIND}
"""  # noqa: S608 - our own text

_UNKNOWN_REFUNDS = f"""
SELECT {_PAYMENT}, 'refund_unknown' AS kind, r.amount, r.currency, r.created_at AS at
FROM refunds AS r JOIN payment_intents AS p ON p.id = r.payment_intent_id
WHERE r.status IS NULL AND r.created_at < now() - $1::interval
ORDER BY r.created_at LIMIT {MAX_OF_A_KIND}
"""  # noqa: S608 - our own text

# Events that had to be fetched say that the webhooks did not bring them.
_SILENCE = """
SELECT NULL::uuid AS payment_intent_id, NULL AS reference_kind, NULL AS reference_id, 'webhooks_silent' AS kind,
    NULL::bigint AS amount, NULL AS currency, min(hour) AS at, sum(count)::text AS detail
FROM hourly_figures
WHERE hour > now() - interval '3 hours' AND name = 'repairs' AND label = 'event'
HAVING sum(count) > 0
"""

# Those that a person has disabled are no surprise.
_ENDPOINTS = """
SELECT NULL::uuid AS payment_intent_id, NULL AS reference_kind, NULL AS reference_id, 'endpoint_silent' AS kind,
    NULL::bigint AS amount, NULL AS currency, coalesce(disabled_at, failing_since) AS at, url
FROM notification_endpoints
WHERE deleted_at IS NULL AND (
    disabled_reason <> 'requested' OR (is_enabled AND failing_since < now() - $1::interval)
)
ORDER BY id
"""

# By kind, the most urgent first: the title, the sentence, and the action that helps.
KINDS: dict[str, tuple[str, str, str | None]] = {
    "webhooks_silent": (
        "Webhooks do not arrive",
        "{detail} events of Stripe's had to be fetched in the last hours. Operators: run `python -m app doctor`.",
        None,
    ),
    "endpoint_silent": (
        "Notifications are not taken",
        "{detail} does not take the events that are sent to it. Inform those who run it.",
        None,
    ),
    "dispute_due": ("Answer a dispute", "The shopper's bank wants {money} back: {detail}.", None),
    "refund_failed": (
        "Customer not repaid",
        "A refund of {money} failed ({detail}): the money is back here. Repay the customer in another way.",
        "refund",
    ),
    "fraud_warning": (
        "Fraud suspected",
        "The card's network suspects that {money} is a fraud. A refund now may save a dispute.",
        "refund",
    ),
    "duplicate_payment": ("Paid twice", "Two payments of this cart succeeded: refund one of them.", "refund"),
    "paid_after_close": (
        "Paid after it was over",
        "Money moved on a payment that was over: refund or release it.",
        "refund",
    ),
    "amount_mismatch": (
        "Another amount was paid",
        "{money} was paid, and the cart owed another amount by then. Refund the difference, or accept it.",
        "refund",
    ),
    "price_refused": (
        "Price refused",
        "Stripe refused the newest amount, {money}, so nobody can pay. The shop has to send another.",
        None,
    ),
    "refund_unknown": (
        "Refund without an answer",
        "Whether {money} was refunded is not known for long. A worker looks again and again.",
        "ask_stripe",
    ),
    "late": (
        "Nobody looked at it",
        "A worker should have looked at this payment. Are the workers running?",
        "ask_stripe",
    ),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at."""

    kind: str
    title: str
    sentence: str
    action: str | None
    payment_intent_id: UUID | None
    reference_kind: str | None
    reference_id: str | None
    at: datetime
    due_by: datetime | None = None
    stripe_id: str | None = None

    @property
    def can_be_marked(self) -> bool:
        """Whether a person can say that it needs nothing more."""
        return self.kind not in {"webhooks_silent", "endpoint_silent", "dispute_due", "late", "refund_unknown"}


async def read(database: Database) -> list[Item]:
    """Return what a person should look at, the most urgent first."""
    rows: list[Record] = []
    async with database.connection() as connection:
        for sql in (_SILENCE, _DISPUTES, _FAILED_REFUNDS, _FLAGGED, _REFUSED_PRICES):
            rows += await connection.fetch(sql)
        for sql in (_ENDPOINTS, _UNKNOWN_REFUNDS, _LATE):
            rows += await connection.fetch(sql, LATE_AFTER)
    return _sorted([_item_of(row) for row in rows if row["kind"] in KINDS])


def _sorted(items: Sequence[Item]) -> list[Item]:
    urgency = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(items, key=lambda item: urgency[item.kind])


def _item_of(row: Record) -> Item:
    title, sentence, action = KINDS[row["kind"]]
    url = row.get("url")
    detail = host_of(url) if url else words(row.get("detail")) or "no reason given"
    return Item(
        kind=row["kind"],
        title=title,
        sentence=sentence.format(money=money(row["amount"], row["currency"]), detail=detail),
        action=action,
        payment_intent_id=row["payment_intent_id"],
        reference_kind=row["reference_kind"],
        reference_id=row["reference_id"],
        at=row["at"],
        due_by=row.get("due_by"),
        stripe_id=row.get("stripe_id"),
    )


@router.get("/worklist")
async def show_worklist(request: Request, session: Support, resources: ResourcesDependency) -> Response:
    """Show what a person should look at."""
    return render(request, "worklist.html", {"items": await read(resources.database)}, session=session)
