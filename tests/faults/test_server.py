"""A PostgreSQL that is restarted, demoted, or one of several."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import httpx
import pytest

from app.auth import api_keys
from app.db import migrations
from app.db.connect import connector
from app.dev.ports import free_port
from app.dev.postgres import EmbeddedPostgres
from app.resources import open_resources
from app.settings import DatabaseSettings
from sandbox.client import SandboxClient
from tests.conftest import TLS, serving
from tests.faults.conftest import bounded_settings
from tests.faults.proxy import proxy_to
from tests.waiting import until, wait_until
from tests.webhooks.sending import CART, TEN_EUROS, put

TROUBLE_SECONDS = 1.0


@pytest.fixture(scope="module")
def own_url(server: EmbeddedPostgres) -> str:
    server.create_database("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", server.url("own"))
        migrations.upgrade()
    return server.url("own")


@pytest.fixture
async def own_api(own_url: str, sandbox: SandboxClient, sandbox_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the API with the server that may be stopped."""
    settings = bounded_settings(own_url, sandbox_url, database_statement_timeout=timedelta(seconds=5))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with (
            open_resources(settings) as resources,
            serving(settings, listener),
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False, timeout=15, verify=TLS
            ) as api,
        ):
            key = await api_keys.create(resources.database, client="shop", scopes=["payments:read", "payments:write"])
            api.headers["Authorization"] = f"Bearer {key.secret}"
            yield api


async def until_ready(api: httpx.AsyncClient) -> None:
    async def is_ready() -> bool:
        return (await api.get("/readyz")).status_code == 200

    await until(is_ready, "the database takes writes again", seconds=30)


def restart(server: EmbeddedPostgres, number: signal.Signals) -> None:
    os.kill(server.process.pid, number)
    wait_until(lambda: server.process.poll() is not None, "PostgreSQL stops")
    server.stop()
    time.sleep(TROUBLE_SECONDS)  # an outage, for which there is nothing to wait
    server.start()


async def load(api: httpx.AsyncClient, cart: str, is_over: asyncio.Event) -> list[int]:
    """Send one cart's requests until it is over and the last one was not refused; return their statuses."""
    statuses: list[int] = []
    path = CART.replace("c1", cart)
    version = 1
    while not is_over.is_set() or statuses[-1] == 503:
        version += 1
        body = {**TEN_EUROS, "amount": 1000 + version, "cart_version": version}
        for answer in [await api.put(path, json=body), await api.get(path)]:
            statuses.append(answer.status_code)
            if answer.status_code == 404:  # its first PUT came to nothing
                statuses.pop()
    return statuses


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_restart_under_load_is_answered_503_and_loses_nothing(
    number: signal.Signals, own_api: httpx.AsyncClient, server: EmbeddedPostgres, sandbox: SandboxClient
) -> None:
    is_over = asyncio.Event()
    loads = [asyncio.create_task(load(own_api, f"{number.name}-{cart}", is_over)) for cart in range(4)]
    await asyncio.sleep(0.3)
    await asyncio.to_thread(restart, server, number)
    await until_ready(own_api)
    await asyncio.sleep(0.3)
    is_over.set()
    statuses = {status for each in await asyncio.wait_for(asyncio.gather(*loads), 30) for status in each}
    assert {200, 503} <= statuses <= {200, 201, 503}
    assert await sandbox.count("payment_intents") == 4


async def test_a_demoted_server_is_left_at_once_and_taken_back(
    own_api: httpx.AsyncClient, own_url: str, sandbox: SandboxClient
) -> None:
    await put(own_api)

    async def set_system(sql: str) -> None:
        operator = await asyncpg.connect(own_url, server_settings={"default_transaction_read_only": "off"})
        await operator.execute(sql)
        await operator.execute("SELECT pg_reload_conf()")
        await operator.close()

    await set_system("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        await asyncio.sleep(0.1)
        answers = [await own_api.put(CART, json={**TEN_EUROS, "amount": n, "cart_version": n}) for n in range(8, 12)]
        assert {answer.status_code for answer in answers} == {503}
        assert (await own_api.get("/readyz")).json()["code"] == "database_unavailable"
    finally:
        await set_system("ALTER SYSTEM RESET default_transaction_read_only")
    await until_ready(own_api)
    await put(own_api, amount=2000, cart_version=20)


async def test_of_several_hosts_the_first_that_takes_writes_is_used(database_url: str) -> None:
    """One refuses, one is gone without a word, the third works: afterwards it is the first to be asked."""
    async with proxy_to(database_url) as gone:
        gone.freeze(new_ones_too=True)
        login, _, place = database_url.partition("@")
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{gone.port},{place}"
        settings = DatabaseSettings.model_validate(
            {"database_url": f"{login}@{hosts}?target_session_attrs=read-write&connect_timeout=1"}
        )
        way = connector(settings)
        for seconds in (5.0, 1.0):
            began = time.monotonic()
            connection = await way.connect()
            assert time.monotonic() - began < seconds
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()
