"""True sequences of events, let in again and again in other orders from the same beginning."""

import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from app import worker
from app.resources import Resources
from app.stripe_gateway import StripeEvent
from app.webhooks import ingest

Event = dict[str, Any]
State = dict[str, Any]

STRIPE_EVENT_RETENTION = ("payment_references", "payment_intents", "events")
EMPTIED = ("payment_attempts", "disputes", "events", "webhook_events", "pgqueuer", "payment_intents")


class Beginning:
    """The state of the tables when a sequence begins, to go back to."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def keep(self) -> None:
        async with self._resources.sessions.begin() as session:
            await session.execute(text("DROP SCHEMA IF EXISTS kept CASCADE"))
            await session.execute(text("CREATE SCHEMA kept"))
            for table in STRIPE_EVENT_RETENTION:
                await session.execute(text(f"CREATE TABLE kept.{table} AS TABLE {table}"))

    async def go_back(self) -> None:
        others = await self._referring()
        async with self._resources.sessions.begin() as session:
            for table in (*others, *EMPTIED, "payment_references"):
                await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - the names are ours
            for table in STRIPE_EVENT_RETENTION:
                await session.execute(
                    text(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{table}")  # noqa: S608 - as above
                )

    async def _referring(self) -> list[str]:
        """Name the other tables that hold rows of a PaymentIntent."""
        async with self._resources.sessions() as session:
            found = await session.scalars(
                text(
                    "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint"
                    " WHERE contype = 'f' AND confrelid = 'payment_intents'::regclass"
                )
            )
            return [table for table in found if table not in EMPTIED]


class _Entrypoints:
    """Stands in for the queue where the worker says which service does which job."""

    def __init__(self) -> None:
        self.jobs: dict[str, Callable[[Any], Awaitable[None]]] = {}

    def entrypoint(self, name: str, **_: object) -> Callable[..., Any]:
        return lambda job: self.jobs.setdefault(name, job)

    def schedule(self, *_: object) -> Callable[..., Any]:
        return lambda job: job


async def do_jobs(resources: Resources) -> None:
    """Do all queued jobs here, one after the other: a worker takes far longer to start and stop."""
    entrypoints = _Entrypoints()
    worker.register(entrypoints, resources)  # type: ignore[arg-type] # all of the queue that it needs
    while True:
        async with resources.sessions.begin() as session:
            queued = (await session.execute(text("DELETE FROM pgqueuer RETURNING entrypoint, payload"))).all()
        if not queued:
            return
        for entrypoint, payload in queued:
            await entrypoints.jobs[entrypoint](SimpleNamespace(payload=payload))


async def outcome_of(resources: Resources, beginning: Beginning, order: Sequence[Event], *, eager: bool) -> State:
    """Let the events in, in this order, with the jobs after each or only at the end; give how all stands then."""
    await beginning.go_back()
    for event in order:
        await ingest.take(resources, StripeEvent.parse(event))
        if eager:
            await do_jobs(resources)
    await do_jobs(resources)
    return await _state(resources)


def twin_of(event: Event) -> Event:
    """Give a second Event object of the same change, as Stripe sometimes makes."""
    return event | {"id": f"evt_{uuid.uuid4().hex}"}


async def _state(resources: Resources) -> State:
    async with resources.sessions() as session:
        rows = {
            "payment_intents": "SELECT status, amount, amount_received, amount_capturable, amount_refunded,"
            " (SELECT array_agg(f ORDER BY f) FROM jsonb_array_elements_text(flags) f) AS flags,"
            " closed_reason, needs_sync, applied FROM payment_intents",
            "attempts": "SELECT key, status, amount, cart_version, failure_code, decline_code, message, risk_level,"
            " outcome_type, three_d_secure, card_last4 FROM payment_attempts ORDER BY key",
            "disputes": "SELECT stripe_id, status, amount FROM disputes ORDER BY stripe_id",
            "told": "SELECT type, data ->> 'attempt_id' IS NOT NULL AS of_attempt, count(*) FROM events"
            " WHERE type IN ('payment_attempt.succeeded', 'payment_attempt.failed', 'payment_intent.succeeded',"
            " 'payment_intent.canceled', 'payment_intent.flagged') GROUP BY 1, 2 ORDER BY 1, 2",
            "gaps": "SELECT max(sequence) - count(*) AS missing FROM events",
        }
        state = {name: [dict(row._mapping) for row in await session.execute(text(sql))] for name, sql in rows.items()}
    return dict(json.loads(json.dumps(state, default=str)))
