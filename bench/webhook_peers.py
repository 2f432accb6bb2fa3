"""What the webhooks are held against: a sample as Stripe's docs have it, and the same effects by hand in SQL."""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypedDict

import asyncpg
from fastapi import FastAPI, Request
from stripe import Webhook, WebhookSignature

SECRET = os.environ["STRIPE_WEBHOOK_SECRET"]


class State(TypedDict):
    """What a request finds in `request.state`."""

    pool: Any


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[State]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool:
        yield {"pool": pool}


sample = FastAPI(lifespan=_lifespan)
by_hand = FastAPI(lifespan=_lifespan)

INSERT = "INSERT INTO webhook_events (id, type, created, outcome) VALUES ($1, $2, $3, 'x') ON CONFLICT DO NOTHING"


@sample.post("/v1/stripe/webhook")
async def verify_and_insert(request: Request) -> dict[str, str]:
    """Verify with the library, insert the event's id, nothing else."""
    event: Any = Webhook.construct_event(await request.body(), request.headers["stripe-signature"], SECRET)
    created = datetime.fromtimestamp(event.created, UTC)
    done = await request.state.pool.execute(INSERT, event.id, event.type, created)
    return {"outcome": "recorded" if done.endswith("1") else "duplicate"}


ONE_STATEMENT = """
WITH locked AS (
  SELECT p.id, p.reference_kind, p.reference_id FROM payment_intents p
  JOIN payment_references r ON r.kind = p.reference_kind AND r.id = p.reference_id
  WHERE p.stripe_id = $4 FOR UPDATE OF r
), new AS (
  INSERT INTO webhook_events (id, type, object_id, created, outcome)
  SELECT $1, $2, $3, $5, 'recorded' FROM locked ON CONFLICT DO NOTHING RETURNING id
), moved AS (
  UPDATE payment_intents p SET status = $6, amount_received = amount, version = version + 1, updated_at = now()
  FROM locked, new WHERE p.id = locked.id AND $6 = 'succeeded' AND p.status <> 'succeeded' AND NOT $7
  RETURNING p.id, 'payment_intent.succeeded' AS type
), attempt AS (
  INSERT INTO payment_attempts (id, payment_intent_id, key, charge_id, status, amount, currency, failure_code, message,
    card_brand, card_last4, risk_level, attempted_at)
  SELECT $8, locked.id, $3, $3, $6, $9, 'eur', $10, $11, 'visa', $12, 'normal', $5 FROM locked, new WHERE $7
  ON CONFLICT DO NOTHING RETURNING payment_intent_id AS id, 'payment_attempt.' || status AS type
), told AS (
  SELECT * FROM moved UNION ALL SELECT * FROM attempt
), counted AS (
  UPDATE payment_references r SET next_sequence = next_sequence + 1 FROM locked, told
  WHERE r.kind = locked.reference_kind AND r.id = locked.reference_id RETURNING next_sequence - 1 AS sequence
), event AS (
  INSERT INTO events (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor)
  SELECT locked.reference_kind, locked.reference_id, counted.sequence, told.id, told.type, $13::jsonb, 'stripe:' || $1
  FROM locked, counted, told
)
SELECT count(*) FROM new
"""


@by_hand.post("/v1/stripe/webhook")
async def do_all_in_one_statement(request: Request) -> dict[str, str]:
    """Do what the service does to these five events, and nothing that it does for others."""
    body = await request.body()
    WebhookSignature.verify_header(body, request.headers["stripe-signature"], SECRET, 300)
    event = json.loads(body)
    obj = event["data"]["object"]
    is_charge = obj["object"] == "charge"
    new = await request.state.pool.fetchval(
        ONE_STATEMENT,
        event["id"],
        event["type"],
        obj["id"],
        obj["payment_intent"] if is_charge else obj["id"],
        datetime.fromtimestamp(event["created"], UTC),
        obj["status"],
        is_charge,
        uuid.uuid4(),
        obj["amount"],
        obj.get("failure_code"),
        obj.get("failure_message"),
        obj["payment_method_details"]["card"]["last4"] if is_charge else None,
        json.dumps({"amount": obj["amount"], "currency": obj["currency"]}),
    )
    return {"outcome": "recorded" if new else "duplicate"}
