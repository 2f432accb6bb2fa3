"""The benchmark of the migrations."""

import os
from collections.abc import Iterator

import pytest

from app.db import migrations
from app.dev.postgres import temporary_postgres
from bench.migrations import FILL, WRITES, measure


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back the address that the benchmark puts into the environment."""
    monkeypatch.setenv("DATABASE_URL", "")
    yield
    assert os.environ["DATABASE_URL"]


async def test_each_migration_is_timed_beside_writers_of_each_filled_table() -> None:
    with temporary_postgres() as server:
        costs = await measure(server, 4)
    assert costs[0].revision == "0002"
    assert costs[-1].revision == migrations.head()
    assert len(WRITES) == len(FILL)
    for cost in costs:
        assert cost.statements
        assert 0 < max(cost.statements) < cost.whole
    assert sum(len(cost.writes) for cost in costs) >= len(WRITES) * len(costs)
