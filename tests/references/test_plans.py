"""What every change is written with reads the rows that it names through an index, though the tables are small."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from app.db.engine import open_database
from app.domain_events.repository import DOMAIN_EVENTS
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


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
