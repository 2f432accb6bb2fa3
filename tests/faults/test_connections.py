"""What connections to PostgreSQL do when the network, the server or a lock is in trouble: one bounded failure."""

import asyncio
import time

import httpx
import pytest

from app.db import engine
from app.db.engine import FRESH_SECONDS, open_database
from app.db.errors import DatabaseUnavailable
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import StripeEvent
from app.webhooks import ingest
from app.webhooks.ingest import IncomingEvent
from sandbox.client import SandboxClient
from tests.database import Database
from tests.faults.conftest import BOUND_SECONDS, LOCK
from tests.faults.proxy import Proxy
from tests.waiting import until
from tests.webhooks.sending import CART, TEN_EUROS, put, send

OTHER_CART = "/v1/carts/other/payment-intent"


def check_unavailable(answer: httpx.Response, code: str = "database_unavailable") -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_frozen_connection_costs_one_bounded_failure(
    api: httpx.AsyncClient, sandbox: SandboxClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FRESH_SECONDS", 60)  # it froze just now
    await put(api)
    await sandbox.wait_idle()  # else a webhook has the frozen connection, and the request a new one
    proxy.freeze()
    began = time.monotonic()
    check_unavailable(await api.get(CART))
    assert time.monotonic() - began < BOUND_SECONDS
    began = time.monotonic()
    assert (await api.get(CART)).status_code == 200
    assert time.monotonic() - began < 1


async def test_connections_that_froze_while_idle_cost_no_failure(api: httpx.AsyncClient, proxy: Proxy) -> None:
    await put(api)
    await asyncio.gather(*(api.get(CART) for _ in range(8)))
    assert len(proxy.links) > 1
    proxy.freeze()
    await asyncio.sleep(FRESH_SECONDS)
    began = time.monotonic()
    answers = await asyncio.gather(*(api.get(CART) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert time.monotonic() - began < BOUND_SECONDS


async def test_a_host_that_is_gone_answers_within_the_bound_and_is_back_at_once(
    api: httpx.AsyncClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ACQUIRE_SECONDS", 1.5)
    await put(api)
    proxy.freeze(new_ones_too=True)
    began = time.monotonic()
    answers = await asyncio.gather(*(api.get(CART) for _ in range(20)), api.get("/readyz"))
    for answer in answers:
        check_unavailable(answer)
    assert time.monotonic() - began < 1.5 + BOUND_SECONDS
    proxy.thaw()
    proxy.cut()
    answers = await asyncio.gather(*(api.get(CART) for _ in range(20)), api.get("/readyz"))
    assert {answer.status_code for answer in answers} == {200}


async def test_cut_connections_cost_those_in_flight_alone(api: httpx.AsyncClient, proxy: Proxy) -> None:
    await put(api)
    proxy.delay = 0.2
    in_flight = asyncio.create_task(api.get(CART))
    await asyncio.sleep(0.1)
    proxy.cut()
    proxy.delay = 0
    check_unavailable(await in_flight)
    assert (await api.get(CART)).status_code == 200


async def test_an_absent_database_is_told_and_found_again(api: httpx.AsyncClient, proxy: Proxy) -> None:
    await put(api)
    proxy.go_away()
    for answer in [await api.get(CART), await api.put(CART, json=TEN_EUROS), await api.get("/readyz")]:
        check_unavailable(answer)
    assert (await api.get("/livez")).status_code == 200
    proxy.come_back()
    assert (await api.get(CART)).status_code == 200
    assert (await api.get("/readyz")).status_code == 200


async def test_each_wait_of_a_session_has_a_bound_of_ours(settings: Settings, database: Database) -> None:
    async with open_database(settings) as service:
        rows = await service.fetch(
            "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)",
            ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
        )
        assert {row["name"]: row["setting"] for row in rows} == {
            "statement_timeout": "2000",
            "lock_timeout": "1000",
            "idle_in_transaction_session_timeout": "10000",
        }
        with pytest.raises(DatabaseUnavailable):
            await service.fetch("SELECT pg_sleep(30)")


@pytest.mark.parametrize("table", ["payment_references", "payment_intents"])
async def test_a_held_lock_is_answered_503_within_its_bound_and_stops_nobody_elses_requests(
    table: str, api: httpx.AsyncClient, database: Database
) -> None:
    """An operator's session holds every row that there is; the other cart's come later."""
    await put(api)
    async with database.locked(f"SELECT * FROM {table} FOR UPDATE"):  # noqa: S608 - our own names
        began = time.monotonic()
        held = asyncio.create_task(api.put(CART, json={**TEN_EUROS, "amount": 2000, "cart_version": 8}))
        await database.until_blocked()
        assert (await api.put(OTHER_CART, json=TEN_EUROS)).status_code == 201
        assert (await api.get(OTHER_CART)).status_code == 200
        assert not held.done(), "the other cart's requests waited for the lock"
        check_unavailable(await held)
        assert time.monotonic() - began < LOCK.total_seconds() + 1
    await put(api, amount=2000, cart_version=8)


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT * FROM payment_references WHERE id = 'other' FOR UPDATE",
        "SELECT * FROM payment_intents WHERE reference_id = 'other' FOR UPDATE",
    ],
    ids=["a reference", "a PaymentIntent"],
)
async def test_a_batch_leaves_out_what_is_locked(
    lock: str, api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    await put(api)
    assert (await api.put(OTHER_CART, json=TEN_EUROS)).status_code == 201
    await sandbox.wait_idle()
    events = [event for event in await sandbox.events() if event["type"] == "payment_intent.created"]
    for event in events:
        event["data"]["object"]["status"] = "processing"  # else its PaymentIntent is not written
        event["id"] += "_again"
    batch = [IncomingEvent.read(StripeEvent.parse(event), resources.settings.instance) for event in events]
    async with database.locked(lock):
        assert sorted(map(str, await ingest.ingest_all(resources, batch))) == ["None", "recorded"]
    assert sorted(map(str, await ingest.ingest_all(resources, batch))) == ["duplicate", "recorded"]


async def test_one_held_lock_stops_nobody_elses_events(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of the locked cart come first in each batch, and more of them than there are connections."""
    await put(api)
    monkeypatch.setattr(ingest, "DEADLINE_SECONDS", 3)
    assert (await api.put(OTHER_CART, json=TEN_EUROS)).status_code == 201
    await sandbox.lose_webhooks(1000)
    [first, second] = [event for event in await sandbox.events() if event["type"] == "payment_intent.created"]
    locked = [{**first, "id": f"evt_locked_{number}"} for number in range(40)]
    free = [{**second, "id": f"evt_free_{number}"} for number in range(15)]
    async with database.locked("SELECT * FROM payment_references WHERE id = 'c1' FOR UPDATE"):
        held = [asyncio.create_task(send(api, event)) for event in locked]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        answers = await asyncio.gather(*(send(api, event) for event in free))
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - began < 3 * LOCK.total_seconds()
        assert not all(task.done() for task in held), "the others waited until the locked cart's were given up"
        for answer in await asyncio.gather(*held):
            assert answer.status_code == 503
    assert {(await send(api, event)).status_code for event in locked} == {200}


async def test_a_read_only_server_counts_as_dead_until_it_takes_writes(
    api: httpx.AsyncClient, database: Database
) -> None:
    await put(api)
    name = await database.value("SELECT current_database()")
    await database.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        await database.end_connections_of_service()
        for answer in [await api.put(CART, json=TEN_EUROS), await api.get("/readyz")]:
            check_unavailable(answer)
    finally:
        await database.execute(f"BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT")

    async def is_ready() -> bool:
        return (await api.get("/readyz")).status_code == 200

    await until(is_ready, "it takes writes again")
    await put(api)
