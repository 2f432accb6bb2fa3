"""The API between a proxy to its PostgreSQL and the sandbox, with short bounds, so that each is soon met."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.dev.postgres import EmbeddedPostgres
from app.settings import Settings
from tests.conftest import settings_for
from tests.faults.proxy import Proxy, proxy_to

STATEMENT, LOCK = timedelta(seconds=2), timedelta(seconds=1)

# A statement's bound, ours on top of it, and some time for a busy machine.
BOUND_SECONDS = STATEMENT.total_seconds() + 1 + 1.5


def bounded_settings(database_url: str, sandbox_url: str, **others: Any) -> Settings:
    bounds = {"database_statement_timeout": STATEMENT, "database_lock_timeout": LOCK}
    return settings_for(database_url, sandbox_url, **(bounds | others))


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(database_url) as proxy:
        yield proxy


@pytest.fixture
def settings(proxy: Proxy, database_url: str, sandbox_url: str) -> Settings:
    return bounded_settings(proxy.url(database_url), sandbox_url)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """Run a PostgreSQL that tests may stop: it keeps what it has acknowledged, as production's does."""
    with tempfile.TemporaryDirectory(prefix="payments-postgres-") as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server
