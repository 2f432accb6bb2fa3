"""Find which PaymentIntents an id belongs to."""

from collections.abc import Mapping
from uuid import UUID

from app.db.engine import Database

_BY_OUR_ID = """
SELECT id AS payment_intent_id FROM payment_intents WHERE id = $1
UNION SELECT payment_intent_id FROM payment_attempts WHERE id = $1
UNION SELECT payment_intent_id FROM refunds WHERE id = $1
UNION SELECT payment_intent_id FROM disputes WHERE id = $1
"""
_BY_CHARGE = "SELECT payment_intent_id FROM payment_attempts WHERE key = $1"
_BY_REFUND = "SELECT payment_intent_id FROM refunds WHERE stripe_id = $1"
_BY_DISPUTE = "SELECT payment_intent_id FROM disputes WHERE stripe_id = $1"

# By the beginning of Stripe's id. An event is about an object, which is looked up in turn.
_BY_STRIPE_ID: Mapping[str, str] = {
    "pi": "SELECT id AS payment_intent_id FROM payment_intents WHERE stripe_id = $1",
    "cs": "SELECT id AS payment_intent_id FROM payment_intents WHERE checkout_id = $1",
    "ch": _BY_CHARGE,
    "py": _BY_CHARGE,
    "re": _BY_REFUND,
    "pyr": _BY_REFUND,
    "dp": _BY_DISPUTE,
    "du": _BY_DISPUTE,
    "issfr": "SELECT payment_intent_id FROM domain_events"
    " WHERE type = 'fraud_warning.created' AND data ->> 'stripe_warning_id' = $1",
    "req": "SELECT DISTINCT payment_intent_id FROM domain_events WHERE stripe_request_id = $1 LIMIT 100",
}


async def find_ids(database: Database, name: str) -> list[UUID]:
    """Return our ids of the PaymentIntents that an id belongs to: ours or Stripe's, of whatever has to do with one."""
    if "_" not in name:
        return [record["payment_intent_id"] for record in await database.fetch(_BY_OUR_ID, UUID(name))]
    if name.startswith("evt_"):
        name = await database.fetchval("SELECT object_id FROM webhook_events WHERE id = $1", name) or ""
    sql = _BY_STRIPE_ID.get(name.partition("_")[0])
    return [record["payment_intent_id"] for record in await database.fetch(sql, name)] if sql else []
