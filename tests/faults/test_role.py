"""A PostgreSQL that refuses the service's password or role: 503, told in the log, and over when it is accepted."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from app.dev.ports import free_port
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import TLS
from tests.faults.conftest import bounded_settings
from tests.processes import service_process
from tests.waiting import until
from tests.webhooks.sending import CART, TEN_EUROS, put, send

PASSWORD, WRONG_PASSWORD = "one-that-is-right", "one-that-is-wrong"
SHOP = f"shop_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  # roles are the server's, which all workers share
RIGHTS = f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {SHOP}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {SHOP}"
ROLE = f"CREATE ROLE {SHOP} LOGIN PASSWORD '{PASSWORD}'; {RIGHTS}"
DROP = f"DROP OWNED BY {SHOP}; DROP ROLE {SHOP}"
END_SESSIONS = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{SHOP}'"  # noqa: S608 - our own name


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[Any]:
    """Return a superuser's connection, with a role for the service."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(ROLE)
        yield connection
    finally:
        await connection.execute(f"GRANT CONNECT ON DATABASE {database_url.rpartition('/')[2]} TO PUBLIC")
        if await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", SHOP):
            await connection.execute(f"{END_SESSIONS}; {DROP}")
        await connection.close()


def url_of_shop(database_url: str, password: str = PASSWORD) -> str:
    return f"postgresql://{SHOP}:{password}@{database_url.partition('@')[2]}"


@pytest.fixture
def settings(operator: Any, database_url: str, sandbox_url: str) -> Settings:
    return bounded_settings(url_of_shop(database_url), sandbox_url)


async def statuses(api: httpx.AsyncClient) -> list[tuple[int, str]]:
    """Return how readiness, a write, a read and a webhook are answered."""
    event = {"id": "evt_1", "object": "event", "type": "customer.created", "created": 1, "livemode": False}
    answers = [
        await api.get("/readyz"),
        await api.put(CART, json=TEN_EUROS | {"cart_version": 8}),
        await api.get(CART),
        await send(api, event | {"data": {"object": {"object": "customer", "id": "cus_1"}}}),
    ]
    assert all(answer.headers.get("retry-after") for answer in answers if answer.status_code == 503)
    return [(answer.status_code, answer.json().get("code")) for answer in answers]


@asynccontextmanager
async def starting(url: str, sandbox_url: str, log: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run the API as a process with this database; return a client of it once it answers at all."""
    port = free_port()
    with log.open("wb") as out:
        async with (
            service_process(bounded_settings(url, sandbox_url), out, "serve", "--port", str(port)) as process,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=15, verify=TLS) as api,
        ):

            async def is_alive() -> bool:
                assert process.returncode is None, "the API did not start"
                try:
                    return (await api.get("/livez")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(is_alive, "the API answers", seconds=60)
            yield api


async def test_a_service_with_a_wrong_password_starts_and_is_ready_when_it_is_right(
    operator: Any, database_url: str, sandbox: SandboxClient, sandbox_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with starting(url_of_shop(database_url, WRONG_PASSWORD), sandbox_url, log) as api:
        api.headers["Authorization"] = f"Bearer pay_{'0' * 16}_{'0' * 64}"
        assert await statuses(api) == [(503, "database_unavailable")] * 4
        lines = [line for line in log.read_text().splitlines() if "database.unavailable" in line]
        assert lines
        assert all("28P01" in line for line in lines)
        assert WRONG_PASSWORD not in log.read_text()
        await operator.execute(f"ALTER ROLE {SHOP} PASSWORD '{WRONG_PASSWORD}'")
        assert (await api.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("change", "undo", "sqlstate"),
    [
        pytest.param(
            f"ALTER ROLE {SHOP} PASSWORD 'x'", f"ALTER ROLE {SHOP} PASSWORD '{PASSWORD}'", "28P01", id="password"
        ),
        pytest.param(f"ALTER ROLE {SHOP} NOLOGIN", f"ALTER ROLE {SHOP} LOGIN", "28000", id="no login"),
        pytest.param(
            "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO PUBLIC",
            "42501",
            id="no right to connect",
        ),
        pytest.param(DROP, ROLE, "28P01", id="dropped"),
    ],
)
async def test_a_role_that_is_refused_while_the_service_runs_is_a_503_until_it_is_accepted(
    api: httpx.AsyncClient, operator: Any, database_url: str, change: str, undo: str, sqlstate: str
) -> None:
    await put(api)
    database = database_url.rpartition("/")[2]
    await operator.execute(change.format(database=database))
    await operator.execute(END_SESSIONS)
    with capture_logs() as lines:
        assert await statuses(api) == [(503, "database_unavailable")] * 4
    assert sqlstate in {line.get("sqlstate") for line in lines if line["event"] == "database.unavailable"}
    await operator.execute(undo.format(database=database))
    await put(api, amount=2000, cart_version=9)


async def test_connections_of_a_role_that_was_dropped_and_made_again_are_left(
    api: httpx.AsyncClient, operator: Any
) -> None:
    """They stay open, and PostgreSQL refuses each statement of theirs: the new role is another."""
    await put(api)
    await operator.execute(DROP)
    assert await statuses(api) == [(503, "database_unavailable")] * 4
    await operator.execute(ROLE)
    await put(api, amount=2000, cart_version=9)
    assert {status for status, _ in await statuses(api)} <= {200, 409}
