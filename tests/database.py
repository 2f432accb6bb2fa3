"""The tests' own way into the service's database: all SQL on our tables that a test needs stands here."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from tests.waiting import until

# Those that refer to others first. To delete a few rows takes a tenth of the time of TRUNCATE.
TABLES = (
    *("notification_attempts", "notification_deliveries", "notification_queues", "notification_endpoints"),
    *("domain_events", "payment_attempts", "refunds", "disputes", "payment_intents", "payment_references"),
    *("webhook_events", "reconcile_progress", "api_keys", "pgqueuer", "stripe_account"),
    *("console_sessions", "console_actions", "console_refund_totals", "hourly_figures"),
)

# The moments of a PaymentIntent that decide what the sweep does with it.
LAST_ACTIVITY, CREATED, UPDATED, LEASE = "last_activity_at", "created_at", "updated_at", "lease_until"
RECHECK, REFRESH_ASKED = "recheck_after", "refresh_requested_at"
MOMENTS = (LAST_ACTIVITY, UPDATED, LEASE, RECHECK, REFRESH_ASKED)

FORGOTTEN = tuple(table for table in TABLES if table not in {"api_keys", "stripe_account"})
KEPT = ("payment_references", "payment_intents", "domain_events")

OUTCOME = {
    "payment_intents": "SELECT status, amount, amount_received, amount_capturable, amount_refunded,"
    " (SELECT array_agg(f ORDER BY f) FROM jsonb_array_elements_text(flags) f) AS flags,"
    " closed_reason, needs_refresh, checkout, stripe_id IS NULL AS is_unconfirmed, applied_terms AS applied"
    " FROM payment_intents",
    "attempts": "SELECT key, status, amount, cart_version, failure_code, decline_code, message, risk_level,"
    " outcome_type, three_d_secure, card_last4 FROM payment_attempts ORDER BY key",
    "disputes": "SELECT stripe_id, status, amount FROM disputes ORDER BY stripe_id",
    "told": "SELECT type, data ->> 'attempt_id' IS NOT NULL AS of_attempt, count(*) FROM domain_events"
    " WHERE type IN ('attempt.succeeded', 'attempt.failed', 'payment.succeeded', 'payment.canceled',"
    " 'payment.flagged') GROUP BY 1, 2 ORDER BY 1, 2",
    "gaps": "SELECT max(sequence) - count(*) AS missing FROM domain_events",
}

ARE_READABLE = "SELECT coalesce(bool_and(xid < pg_snapshot_xmin(pg_current_snapshot())), true) FROM domain_events"

Row = dict[str, Any]


class Database:
    """A few connections that are the test's alone, made when they are first used."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def execute(self, statement: str, *values: object) -> None:
        await self._pool.execute(statement, *values)

    async def fetch(self, query: str, *values: object) -> list[Row]:
        return [dict(row) for row in await self._pool.fetch(query, *values)]

    async def value(self, query: str, *values: object) -> Any:
        return await self._pool.fetchval(query, *values)

    async def column(self, query: str, *values: object) -> list[Any]:
        return [row[0] for row in await self._pool.fetch(query, *values)]

    async def plan_without_seqscan(self, query: str) -> list[str]:
        """Return a query's plan, in which a sequential scan stands only if there is no other way."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = off")
            return [row[0] for row in await connection.fetch(f"EXPLAIN {query}")]

    @asynccontextmanager
    async def locked(self, statement: str) -> AsyncIterator[None]:
        """Keep the locks that a statement takes."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(statement)
            yield

    @asynccontextmanager
    async def undone(self, statement: str) -> AsyncIterator[None]:
        """Do a statement, and roll it back at the end."""
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(statement)
            yield
            await transaction.rollback()

    # All tables.

    async def empty(self) -> None:
        """Delete every row of every table."""
        await self.execute(";".join(f"DELETE FROM {table}" for table in TABLES))  # noqa: S608 - our own names

    async def restore_empty_backup(self) -> None:
        """Forget all but the API keys, as the backup of a time before everything does."""
        await self.execute(f"TRUNCATE {', '.join(FORGOTTEN)} CASCADE")

    async def keep(self) -> None:
        """Remember the references with their PaymentIntents and events, for `go_back`."""
        await self.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
        for table in KEPT:
            await self.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")

    async def go_back(self) -> None:
        """Restore what was kept, and forget all else but the API keys."""
        for table in FORGOTTEN:
            await self.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        for table in KEPT:
            await self.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{table}")  # noqa: S608 - as above

    async def dump(self) -> str:
        """Return all rows of all tables as text."""
        tables = await self.column("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await self.column(f'SELECT t::text FROM "{table}" t') for table in tables]  # noqa: S608 - from the catalogue
        return "\n".join(row for each in rows for row in each)

    async def is_untouched(self) -> bool:
        """Whether no request has stored anything."""
        counts = "(SELECT count(*) FROM payment_references) + (SELECT count(*) FROM domain_events)"
        return bool(await self.value(f"SELECT {counts} = 0"))

    async def end_connections_of_service(self) -> int:
        """End the service's connections, as a restart of PostgreSQL does; return how many there were."""
        ended = await self.column(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'payments'"
        )
        return len(ended)

    async def until_blocked(self) -> None:
        """Return once a transaction of the service waits for a lock."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await until(lambda: self.value(waiting), "a transaction waits for a lock", seconds=30)

    # PaymentIntents and their references.

    async def payment_intents(self) -> list[Row]:
        return await self.fetch("SELECT * FROM payment_intents ORDER BY reference_kind, reference_id, generation")

    async def unsynced_references(self) -> list[str]:
        """Return the ids of references about whose PaymentIntent Stripe has yet to be asked, or is being asked."""
        return await self.column(
            "SELECT reference_id FROM payment_intents"
            " WHERE needs_refresh OR recheck_after IS NOT NULL OR lease_token IS NOT NULL"
        )

    async def is_refresh_asked(self) -> bool:
        return bool(await self.value("SELECT bool_or(refresh_requested_at IS NOT NULL) FROM payment_intents"))

    async def until_recorded(self) -> None:
        """Return once no PaymentIntent is leased: the writer has recorded its call."""
        leased = "SELECT count(*) = 0 FROM payment_intents WHERE lease_token IS NOT NULL"
        await until(lambda: self.value(leased), "the writer releases its lease", seconds=30)

    async def _change(self, statement: str, *values: object) -> None:
        """Change rows as another writer does: who read them before has to read again."""
        await self.execute(f"WITH raised AS (UPDATE payment_references SET version = version + 1) {statement}", *values)  # noqa: S608 - ours

    async def age(self, by: timedelta, *moments: str) -> None:
        """Move these moments of all PaymentIntents back, or all but their creation."""
        changes = ", ".join(f"{moment} = {moment} - $1::interval" for moment in (*(moments or MOMENTS), "due_at"))
        await self._change(f"UPDATE payment_intents SET {changes}", by)  # noqa: S608 - names of columns

    async def set_status(self, status: str) -> None:
        await self._change("UPDATE payment_intents SET status = $1", status)

    async def close(self, reason: str = "abandoned", *, generation: int = 1) -> None:
        """Cancel a PaymentIntent here and not at Stripe."""
        await self._change(
            "UPDATE payment_intents SET status = 'canceled', closed_at = now(), closed_reason = $1"
            " WHERE generation = $2",
            reason,
            generation,
        )

    async def set_aside(self) -> None:
        """Close PaymentIntents here alone, as one is that comes back after the restore of a backup."""
        await self.execute(
            "UPDATE payment_intents SET closed_at = now(), closed_reason = 'surplus',"
            " due_at = now() + interval '1 hour'"
        )

    async def refuse(self) -> None:
        """Close PaymentIntents as Stripe's refusal to create them does."""
        await self._change(
            "UPDATE payment_intents"
            " SET status = NULL, amount = NULL, stripe_id = NULL, closed_at = now(), closed_reason = 'refused'"
        )

    async def end_checkout(self) -> None:
        """Let the time of every Checkout Session be over, and nobody have told of it."""
        await self._change(
            "UPDATE payment_intents"
            " SET checkout = jsonb_set(checkout, '{expires_at}', to_jsonb(now() - interval '1 second'))"
        )

    async def request_cancel(self) -> None:
        await self._change("UPDATE payment_intents SET is_cancel_requested = true, due_at = now()")

    async def need_refresh(self) -> None:
        """Have Stripe to be asked, as a webhook of an unclear time does."""
        await self._change("UPDATE payment_intents SET needs_refresh = true, due_at = now()")

    async def leave_unfinished(self, payment_intent_id: UUID) -> None:
        """Leave one as a writer does that died a second ago."""
        await self._change(
            "UPDATE payment_intents SET lease_token = gen_random_uuid(), lease_until = now() - interval '1 second',"
            " due_at = now() - interval '1 second' WHERE id = $1",
            payment_intent_id,
        )

    async def recheck(self) -> None:
        """Record that a request may have arrived at Stripe that was given up."""
        await self.recheck_in(timedelta(0))

    async def recheck_in(self, time: timedelta) -> None:
        """Record that a request may still arrive at Stripe for so long."""
        await self._change("UPDATE payment_intents SET recheck_after = now() + $1::interval, due_at = now() + $1", time)

    async def lease(self, time: timedelta) -> None:
        """Lease every PaymentIntent, as another writer does."""
        await self._change(
            "UPDATE payment_intents SET lease_token = gen_random_uuid(), lease_until = now() + $1::interval,"
            " due_at = now() + $1",
            time,
        )

    async def add_create_params(self, **params: object) -> None:
        """Change the parameters that the first request to Stripe is recorded with."""
        await self._change("UPDATE payment_intents SET create_params = create_params || $1::jsonb", params)

    async def request(self, **terms: object) -> None:
        """Request other terms, and tell nobody."""
        await self._change(
            "UPDATE payment_intents SET requested_terms = requested_terms || $1::jsonb, due_at = now()", terms
        )

    async def attach_sessions_to(self, cart_id: str) -> None:
        await self.execute(
            "UPDATE payment_references SET moved_to = $1, version = version + 1 WHERE kind = 'session'", cart_id
        )

    async def restore(self, kept: Row, *, cart_version: int) -> None:
        """Put an old state of the one PaymentIntent and its cart's version back, as an old backup does."""
        await self.execute("UPDATE payment_references SET cart_version = $1, version = version + 1", cart_version)
        await self._change(
            "UPDATE payment_intents"
            " SET requested_terms = $1, applied_terms = $2, amount = $3, revision = $4, version = $5",
            *(kept[name] for name in ("requested_terms", "applied_terms", "amount", "revision", "version")),
        )

    async def outcome(self) -> dict[str, list[Row]]:
        """Return all that must not depend on the order in which events came."""
        return {name: await self.fetch(query) for name, query in OUTCOME.items()}

    # Attempts, disputes, refunds.

    async def count_attempts(self) -> int:
        return int(await self.value("SELECT count(*) FROM payment_attempts"))

    async def age_attempts(self, by: timedelta) -> None:
        await self.execute("UPDATE payment_attempts SET attempted_at = attempted_at - $1::interval", by)

    @asynccontextmanager
    async def without_attempts(self) -> AsyncIterator[None]:
        """Take the table of attempts away, so that what writes one fails."""
        await self.execute("ALTER TABLE payment_attempts RENAME TO payment_attempts_away")
        try:
            yield
        finally:
            await self.execute("ALTER TABLE payment_attempts_away RENAME TO payment_attempts")

    async def disputes(self) -> list[Row]:
        return await self.fetch("SELECT * FROM disputes")

    async def age_refunds(self, by: timedelta) -> None:
        await self.execute(
            "UPDATE refunds SET recheck_after = recheck_after - $1::interval, created_at = created_at - $1", by
        )

    # Events: the domain's, then Stripe's.

    async def domain_events(self, types: str = "%") -> list[Row]:
        """Return the domain events whose type is like this, oldest first."""
        return await self.fetch("SELECT * FROM domain_events WHERE type LIKE $1 ORDER BY id", types)

    async def domain_event_types(self, types: str = "%") -> list[str]:
        return [event["type"] for event in await self.domain_events(types)]

    async def until_events_are_readable(self) -> None:
        """Return once every event can be read, which any transaction of the whole server that began before holds up."""
        await until(lambda: self.value(ARE_READABLE), "all events can be read", seconds=30)

    async def webhook_events(self, types: str = "%") -> list[Row]:
        return await self.fetch("SELECT * FROM webhook_events WHERE type LIKE $1", types)

    async def add_webhook_events(self, days_old: range) -> None:
        """Store one event evt_<days> for each of these ages."""
        await self.execute(
            "INSERT INTO webhook_events (id, type, created, received_at, outcome)"
            " SELECT 'evt_' || day, 'x', now(), now() - day * interval '1 day', 'ignored'"
            " FROM unnest($1::int[]) AS day",
            list(days_old),
        )

    async def begin_reconcile(self, since: datetime, until_: datetime, *, after: str) -> None:
        """Leave a pass over Stripe's undelivered events unfinished."""
        await self.execute("INSERT INTO reconcile_progress VALUES ('undelivered', $1, $2, $3)", since, until_, after)

    # API keys, Stripe's account and jobs.

    async def use_account(self, account_id: str, mode: str = "test") -> None:
        """Have another Stripe account be the remembered one."""
        await self.execute("UPDATE stripe_account SET account_id = $1, mode = $2", account_id, mode)

    async def api_keys(self) -> list[Row]:
        return await self.fetch("SELECT * FROM api_keys")

    async def expire_key(self, key_id: str, *, seconds: float) -> None:
        """Make a key expire in so many seconds, or so many seconds ago."""
        await self.execute(
            "UPDATE api_keys SET expires_at = clock_timestamp() + $2 * interval '1 s' WHERE id = $1", key_id, seconds
        )

    async def age_notifications(self, by: timedelta) -> None:
        """Let so much time pass for what was sent and what waits."""
        await self.execute(
            "UPDATE notification_queues SET due_at = due_at - $1::interval,"
            " claimed_until = claimed_until - $1::interval, updated_at = updated_at - $1::interval",
            by,
        )
        await self.execute(
            "UPDATE notification_deliveries SET first_attempt_at = first_attempt_at - $1::interval,"
            " created_at = created_at - $1::interval, finished_at = finished_at - $1::interval",
            by,
        )
        await self.execute("UPDATE notification_endpoints SET failing_since = failing_since - $1::interval", by)

    async def age_keys(self, by: timedelta) -> None:
        await self.execute(
            "UPDATE api_keys SET expires_at = expires_at - $1::interval, last_used_at = last_used_at - $1", by
        )

    async def take_jobs(self) -> list[tuple[str, bytes]]:
        """Remove all queued jobs; return their entrypoints and payloads."""
        jobs = await self.fetch("DELETE FROM pgqueuer RETURNING entrypoint, payload")
        return [(job["entrypoint"], job["payload"]) for job in jobs]

    async def drop_picked_jobs(self) -> None:
        """Forget the jobs of a dead worker."""
        await self.execute("DELETE FROM pgqueuer WHERE status = 'picked'")


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    async with asyncpg.create_pool(url, min_size=0, max_size=4, init=_read_json) as pool:
        yield Database(pool)


async def _read_json(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
