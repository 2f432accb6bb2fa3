"""Migrations: from each earlier release with its data, interrupted anywhere, by several at once, ahead of a release."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import MISSING, fields
from typing import Any

import asyncpg
import httpx
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import TypeAdapter
from sqlalchemy import Engine, event

from app.db import migrations
from app.dev.drift import shape
from app.dev.postgres import EmbeddedPostgres, temporary_postgres
from app.payment_intents.protocol.events import FACTS
from tests.database import Database

RELEASES = [each.revision for each in ScriptDirectory.from_config(Config(migrations.INI)).walk_revisions()][:0:-1]
ID = "00000000-0000-7000-8000-000000000001"
OTHER_ID = "00000000-0000-7000-8000-000000000002"
TERMS = '{"amount": 1000, "currency": "eur"}'

# What the first release stored of one payment with two attempts.
FIRST = f"""
INSERT INTO api_keys (id, client, secret_hash, scopes) VALUES ('k1', 'shop', sha256('x'), '["payments:read"]');
INSERT INTO payment_references (kind, id, next_generation, next_sequence) VALUES ('cart', 'c1', 2, 2);
INSERT INTO payment_intents (id, reference_kind, reference_id, generation, stripe_id, opening, requested, revision,
    applied, version, needs_sync, is_closing, status, amount, currency, amount_received, amount_capturable,
    amount_refunded, flags)
  VALUES ('{ID}', 'cart', 'c1', 1, 'pi_1', '{TERMS}', '{TERMS}', 1, '{TERMS}', 3, false, false,
    'requires_payment_method', 1000, 'eur', 0, 0, 0, '[]');
INSERT INTO payment_attempts (id, payment_intent_id, key, status, amount, currency, attempted_at)
  SELECT gen_random_uuid(), '{ID}', 'ch_' || n, 'failed', 1000, 'eur', now() FROM generate_series(1, 2) n;
INSERT INTO events (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor)
  VALUES ('cart', 'c1', 1, '{ID}', 'payment_intent.created', '{{}}', 'shop');
INSERT INTO webhook_events (id, type, created, outcome) VALUES ('evt_1', 'payment_intent.created', now(), 'recorded');
"""  # noqa: S608 - our own text
LATER = {
    "0002": f"""INSERT INTO refunds (id, payment_intent_id, origin, stripe_id, amount, currency, status)
      VALUES (gen_random_uuid(), '{ID}', 'stripe', 're_1', 500, 'eur', 'succeeded')""",  # noqa: S608
    "0003": "UPDATE api_keys SET expires_at = now() + interval '1 day'",
    "0004": f"""INSERT INTO disputes (id, payment_intent_id, stripe_id, status, reason, amount, currency, opened_at)
      VALUES (gen_random_uuid(), '{ID}', 'dp_1', 'needs_response', 'fraudulent', 1000, 'eur', now())""",  # noqa: S608
    "0005": "UPDATE payment_intents SET attempts_told = 2",
}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with temporary_postgres() as server:
        yield server


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def upgrade_to(revision: str) -> None:
    command.upgrade(Config(migrations.INI), revision)


@pytest.fixture
def new_database(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Make an empty database, which is the environment's from then on."""

    def create(name: str) -> str:
        server.create_database(name)
        url = server.url(name)
        monkeypatch.setenv("DATABASE_URL", url)
        return url

    return create


async def fill(url: str, release: str) -> None:
    """Store what the release had, as it stored it: each one's own on top of the first's."""
    async with connected(url) as connection:
        await connection.execute(FIRST)
    for revision in RELEASES[1:]:
        if revision > release:
            return
        await bring_on(url, revision)


async def bring_on(url: str, revision: str) -> None:
    """Migrate once more, and store what is that release's own."""
    await asyncio.to_thread(upgrade_to, revision)
    if revision in LATER:
        async with connected(url) as connection:
            await connection.execute(LATER[revision])


async def check_data(url: str, release: str) -> None:
    async with connected(url) as connection:
        [payment] = await connection.fetch("SELECT * FROM payment_intents")
        assert (payment["stripe_id"], payment["attempt_notifications"]) == ("pi_1", 2)
        assert payment["create_params"] == payment["requested_terms"] == TERMS
        assert payment["due_at"] is not None
        assert await connection.fetchval("SELECT version FROM payment_references") == 1
        assert await connection.fetchval("SELECT count(*) FROM domain_events") == 1
        assert await connection.fetchval("SELECT count(*) FROM payment_attempts") == 2
        assert await connection.fetchval("SELECT count(*) FROM refunds") == int(release >= "0002")
        assert await connection.fetchval("SELECT count(*) FROM disputes") == int(release >= "0004")
        assert await connection.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


# What earlier releases told, and what became of it.
TOLD = (
    ("payment_intent.opened", {"generation": 1, "amount": 900}, "payment.opened"),
    ("payment_intent.requires_payment_method", {"stripe_id": "pi_1", "amount": 900}, "payment.noted"),
    ("payment_intent.requested", {"amount": 1000, "currency": "eur", "cart_version": 2}, "payment.noted"),
    ("payment_attempt.failed", {"attempt_id": ID, "amount": 1, "currency": "eur"}, "attempt.failed"),
    ("payment_intent.flagged", {"flag": "disputed"}, "payment.flagged"),
    ("payment_intent.canceled", {"stripe_id": "pi_1", "amount": 1, "currency": "eur"}, "payment.canceled"),
    ("payment_intent.refused", {"stripe_code": "amount_too_small"}, "payment.canceled"),
    ("payment_intent.succeeded", {"amount": 1, "currency": "eur", "amount_received": 1}, "payment.succeeded"),
    ("payment_intent.moved", {"session_id": "s1", "cart_id": "c1"}, "payment.attached_to_cart"),
    ("refund.requested", {"refund_id": ID, "stripe_id": None, "origin": "api"}, "refund.requested"),
    ("refund.pending", {"refund_id": ID, "stripe_id": "re_1", "origin": "api"}, "payment.noted"),
    ("refund.failed", {"refund_id": ID, "stripe_id": "re_1", "origin": "api", "notice": "x"}, "refund.failed"),
    (
        "refund.pending",
        {"refund_id": OTHER_ID, "stripe_id": "re_2", "origin": "stripe", "amount": 3},
        "refund.requested",
    ),
    ("refund.requires_action", {"refund_id": OTHER_ID, "stripe_id": "re_2", "origin": "stripe"}, "payment.noted"),
    ("dispute.needs_response", {"stripe_id": "dp_1", "amount": 1, "currency": "eur"}, "dispute.opened"),
    ("dispute.under_review", {"stripe_id": "dp_1", "amount": 1, "currency": "eur"}, "dispute.updated"),
    ("dispute.lost", {"stripe_id": "dp_1", "amount": 1, "currency": "eur"}, "dispute.closed"),
)


async def test_what_earlier_releases_told_is_carried_over_with_its_numbers(
    new_database: Callable[[str], str],
) -> None:
    url = new_database("told")
    await asyncio.to_thread(upgrade_to, "0001")
    await fill(url, "0018")
    async with connected(url) as connection:
        for number, (type_, data, _) in enumerate(TOLD, start=2):
            await connection.execute(
                "INSERT INTO domain_events"
                " (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor)"
                " VALUES ('cart', 'c1', $1, $2, $3, $4::jsonb, 'x')",
                *(number, ID, type_, json.dumps(data)),
            )
    rows: list[Any] = []
    for _ in range(2):  # an interrupted run's second one changes nothing more
        await asyncio.to_thread(upgrade_to, "0019")
        async with connected(url) as connection:
            rows = await connection.fetch("SELECT * FROM domain_events ORDER BY id")
            await connection.execute("UPDATE alembic_version SET version_num = '0018'")
    assert [row["sequence"] for row in rows] == list(range(1, len(TOLD) + 2))
    assert [row["type"] for row in rows] == ["payment.noted", *(name for _, _, name in TOLD)]
    assert {row["stripe_id"] for row in rows} == {"pi_1"}
    for row in rows:
        [fact] = [each for each in FACTS if each.type == row["type"]]
        data = json.loads(row["data"])
        TypeAdapter(fact).validate_python(data)
        known = {each.name: each.default is MISSING for each in fields(fact)}
        assert {name for name, is_needed in known.items() if is_needed} <= set(data) <= set(known)
    assert json.loads(rows[3]["data"]) == {
        "earlier_type": "payment_intent.requested",
        "earlier_amount": 1000,
        "earlier_currency": "eur",
    }
    assert rows[3]["cart_version"] == 2


Release = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="module")
def releases(server: EmbeddedPostgres) -> Release:
    """Return what copies the database at a release, with its data; later releases are asked for later."""
    url, later = server.url("releases"), iter(RELEASES)

    async def at(release: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", url)
            for each in later:
                await bring_on(url, each)
                if each == RELEASES[0]:
                    await fill(url, each)
                if each == release:
                    break
        statement = f"CREATE DATABASE at_{release} TEMPLATE releases STRATEGY file_copy;"
        await asyncio.to_thread(server.execute, "postgres", statement)
        return server.url(f"at_{release}")

    server.create_database("releases")
    return at


def _releases() -> list[Any]:
    """Return all releases; every run has the first, the newest, and a few between."""
    quick = {*RELEASES[::6], *RELEASES[-2:]}
    return [pytest.param(each, marks=() if each in quick else pytest.mark.slow) for each in RELEASES]


@pytest.mark.parametrize("release", _releases())
async def test_each_earlier_release_is_brought_here_with_its_data(
    release: str, releases: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await releases(release)
    monkeypatch.setenv("DATABASE_URL", url)
    await asyncio.to_thread(migrations.upgrade)
    await check_data(url, release)


class Interrupted(Exception):
    """Stands for a kill."""


@pytest.fixture
def interrupt_after() -> Iterator[Callable[[int], None]]:
    """Let every statement after so many fail before it is sent."""
    left = [10**9]

    def before(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted

    event.listen(Engine, "before_cursor_execute", before)
    yield lambda count: left.__setitem__(0, count)
    event.remove(Engine, "before_cursor_execute", before)


async def test_a_migration_that_is_interrupted_anywhere_is_finished_by_the_next(
    new_database: Callable[[str], str], interrupt_after: Callable[[int], None]
) -> None:
    """One statement further each time, so that every step is broken off and every migration is begun again."""
    url = new_database("interrupted")
    await asyncio.to_thread(upgrade_to, "0001")
    await fill(url, "0001")
    for statements in range(1, 100):
        interrupt_after(statements)
        try:
            await asyncio.to_thread(migrations.upgrade)
        except Interrupted:
            continue
        break
    interrupt_after(10**9)
    assert statements > 10
    await check_data(url, "0001")
    whole = new_database("whole")
    await asyncio.to_thread(migrations.upgrade)
    assert await shape(url, is_from_models=False) == await shape(whole, is_from_models=False)


async def test_an_index_that_was_left_unfinished_is_made_again(new_database: Callable[[str], str]) -> None:
    url = new_database("unfinished")
    await asyncio.to_thread(upgrade_to, "0006")
    async with connected(url) as connection:
        await connection.execute("ALTER TABLE payment_intents ADD COLUMN due_at timestamptz")
        await connection.execute(
            "CREATE INDEX ix_payment_intents_due_at ON payment_intents (due_at) WHERE due_at IS NOT NULL;"
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_payment_intents_due_at'::regclass"
        )
    await asyncio.to_thread(migrations.upgrade)
    async with connected(url) as connection:
        assert await connection.fetchval("SELECT bool_and(indisvalid) FROM pg_index")


async def test_replicas_that_migrate_at_once_all_succeed(new_database: Callable[[str], str]) -> None:
    new_database("at_once")
    command_line = (sys.executable, "-m", "app", "migrate")
    replicas = [await asyncio.create_subprocess_exec(*command_line, stderr=asyncio.subprocess.PIPE) for _ in range(3)]
    for replica in replicas:
        _, errors = await asyncio.wait_for(replica.communicate(), 90)
        assert replica.returncode == 0, errors.decode()


async def test_a_migration_lets_others_through_while_it_waits_for_a_table(new_database: Callable[[str], str]) -> None:
    url = new_database("waiting")
    await asyncio.to_thread(upgrade_to, "0002")
    async with connected(url) as reader, connected(url) as other:
        transaction = reader.transaction()
        await transaction.start()
        await reader.execute("LOCK TABLE api_keys IN SHARE MODE")
        migration = asyncio.create_task(asyncio.to_thread(migrations.upgrade))
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not await other.fetchval(waits):
            await asyncio.sleep(0.01)
        assert await other.fetchval("SELECT count(*) FROM api_keys", timeout=5) == 0
        assert not migration.done()
        await transaction.rollback()
        await asyncio.wait_for(migration, 30)


@pytest.mark.parametrize(("revision", "status"), [("0008", 200), ("0006", 503), (None, 503)])
async def test_a_release_is_ready_beside_a_newer_database_and_not_beside_an_older_one(
    revision: str | None, status: int, anonymous: httpx.AsyncClient, database: Database
) -> None:
    """Which migrations there are is all that a release knows: one that it does not know is of a later release."""
    await database.execute("UPDATE alembic_version SET version_num = $1", revision or "")
    if revision is None:
        await database.execute("ALTER TABLE alembic_version RENAME TO hidden")
    try:
        assert (await anonymous.get("/readyz")).status_code == status
    finally:
        if revision is None:
            await database.execute("ALTER TABLE hidden RENAME TO alembic_version")
        await database.execute("UPDATE alembic_version SET version_num = $1", migrations.head())


def test_the_newest_migration_is_the_one_that_alembic_names() -> None:
    assert migrations.head() == ScriptDirectory.from_config(Config(migrations.INI)).get_current_head()
