"""The statements that run all the time read what they need through an index, however small or full the tables are."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from app.db.engine import open_database
from app.domain_events.repository import DOMAIN_EVENTS
from app.payment_intents.recovery import FIND_DUE
from app.payment_intents.repository import PAYMENT_INTENTS
from app.references.repository import Mode, statement
from app.settings import Settings
from app.webhooks.repository import WEBHOOK_EVENTS
from bench.reads import FILL
from tests.database import Database

# Few enough that to read all of them looks cheaper to PostgreSQL, if the statement lets it choose.
PAYMENTS = 2_000


@pytest.fixture
async def filled(database: Database, settings: Settings) -> Database:
    async with open_database(settings) as ours:
        for sql in FILL.values():
            await ours.execute(sql, *([PAYMENTS] if "$1" in sql else []))
    await database.execute("ANALYZE")
    return database


async def test_a_write_reads_only_the_rows_that_it_names(filled: Database) -> None:
    for mode in get_args(Mode):
        sql = statement((PAYMENT_INTENTS, DOMAIN_EVENTS, WEBHOOK_EVENTS), mode)
        plan = (await filled.value(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}", "{}"))[0]["Plan"]
        reads = [node for node in _nodes(plan) if "Scan" in node["Node Type"] and "Relation Name" in node]
        assert {node["Relation Name"] for node in reads} >= {"payment_references"}
        assert [node for node in reads if "Index Cond" not in node] == [], mode


async def test_the_sweep_reads_no_more_than_it_takes_though_everything_is_due(filled: Database) -> None:
    await filled.execute(
        "UPDATE payment_intents SET due_at = now() - interval '1 hour', needs_refresh = amount % 9 = 0"
    )
    assert await _read_by_the_sweep(filled) == {"ix_payment_intents_due_first": 20}
    await filled.execute("UPDATE payment_intents SET needs_refresh = false")
    assert await _read_by_the_sweep(filled) == {"ix_payment_intents_due_at": 20}


async def _read_by_the_sweep(database: Database) -> dict[str, int]:
    """Return how many rows a search for 20 took from which index."""
    await database.execute("ANALYZE payment_intents")
    plan = (await database.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {FIND_DUE}", 20))[0]["Plan"]
    read = {node["Index Name"]: int(node["Actual Rows"]) for node in _nodes(plan) if "Relation Name" in node}
    assert not [node for node in _nodes(plan) if node["Node Type"] == "Sort"]
    return {index: rows for index, rows in read.items() if rows}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
