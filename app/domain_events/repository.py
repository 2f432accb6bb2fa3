"""How domain events are written: in the statement of the change that they describe."""

from collections.abc import Iterable

from app.payment_intents.protocol.state import DomainEvent
from app.references.repository import Row, Table

DOMAIN_EVENTS = Table(
    "domain_events",
    """
    INSERT INTO domain_events (
        reference_kind, reference_id, sequence, payment_intent_id, stripe_id, cart_version, type, version, data, actor,
        stripe_request_id
    )
    SELECT e.reference_kind, e.reference_id, e.sequence, e.payment_intent_id, e.stripe_id, e.cart_version, e.type,
        e.version, e.data, e.actor, e.stripe_request_id
    FROM jsonb_populate_recordset(NULL::domain_events, $1::jsonb -> 'domain_events') AS e
    JOIN written ON written.kind = e.reference_kind AND written.id = e.reference_id
    ORDER BY e.reference_kind, e.reference_id, e.sequence
    """,
)


def rows_of(events: Iterable[DomainEvent]) -> list[Row]:
    return [
        {
            "reference_kind": event.reference.kind,
            "reference_id": event.reference.id,
            "sequence": event.sequence,
            "payment_intent_id": event.payment_intent_id,
            "stripe_id": event.stripe_id,
            "cart_version": event.cart_version,
            "type": event.data.type,
            "version": event.data.version,
            "data": event.data,
            "actor": event.actor.name,
            "stripe_request_id": event.actor.stripe_request_id,
        }
        for event in events
    ]
