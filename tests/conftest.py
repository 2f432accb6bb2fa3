"""The parts that tests run against: a real PostgreSQL, the sandbox as Stripe, the API on a real port.

One PostgreSQL serves the whole run; it is started by the process that was started by hand and each worker gets
a database of its own, made from a template that was migrated once.
"""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, nullcontext, suppress
from datetime import timedelta
from functools import cache, partial
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from pgqueuer import PgQueuer
from pgqueuer.types import QueueExecutionMode
from xdist.remote import Producer  # type: ignore[import-untyped] # it has no annotations for others
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # as above

from app import worker
from app.auth import api_keys
from app.auth.scopes import Scope
from app.db import migrations
from app.dev.postgres import temporary_postgres
from app.http.server import server_config
from app.main import create_app
from app.observability.logging import configure_logging
from app.payment_intents import recovery
from app.resources import Resources, open_resources
from app.settings import Settings
from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from sandbox.server import make_server
from tests.cart import Cart
from tests.checkout import Checkout
from tests.database import Database, open_database
from tests.waiting import until, wait_until

SECRET_KEY = "sk_test_service"
WEBHOOK_SECRET = "whsec_service"
TEMPLATE = "payments_template"
SERVER = "PAYMENTS_TEST_SERVER"  # the address of the run's PostgreSQL, as the workers get it

# Whose tests start something once that takes seconds: the whole of `make run`, a Chromium, a PostgreSQL, many rows.
SLOW_PARTS = {
    "tests/browser/": "stack",
    "tests/docs/test_examples.py": "stack",
    "tests/shop/": "stack",
    "tests/sandbox/test_browser.py": "Chromium",
    "tests/sandbox/test_payment_element.py": "Chromium",
    "tests/faults/test_server.py": "PostgreSQL",
    "tests/db/test_migrations.py": "migrations",
    "tests/payment_intents/test_lists.py": "payments",
}

TLS = ssl.create_default_context()  # once: to read the certificates takes longer than most tests

configure_logging(is_json=False, level="INFO")

Jobs = Callable[[], Awaitable[None]]
Sweep = Callable[[], Awaitable[None]]


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL once, before the workers, which inherit its address."""
    if hasattr(config, "workerinput"):
        return
    stack = ExitStack()
    server = stack.enter_context(temporary_postgres())
    config.add_cleanup(stack.close)
    server.create_database(TEMPLATE)
    os.environ["DATABASE_URL"] = server.url(TEMPLATE)
    migrations.upgrade()
    del os.environ["DATABASE_URL"]
    os.environ[SERVER] = server.url("{}")


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than there are cores: a part of a test's time is a wait for a timer."""
    return (os.cpu_count() or 1) + 2


class OneStartEach(LoadScopeScheduling):  # type: ignore[misc] # as above
    """Lets one worker run all tests that share a slow part, so that it is started once.

    xdist's own mark for this, `xdist_group`, has no effect: pytest 9.2 drops what xdist 3.8 adds to a test's name.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return next((part for start, part in SLOW_PARTS.items() if file.startswith(start)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStartEach:
    return OneStartEach(config, log)


@pytest.fixture(scope="session")
def database_url(worker_id: str) -> str:
    """Return the address of this worker's own database, with all tables."""
    name = f"payments_{worker_id}"

    async def create() -> None:
        connection = await asyncpg.connect(os.environ[SERVER].format("postgres"))
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        await connection.close()

    asyncio.run(create())
    return os.environ[SERVER].format(name)


@pytest.fixture(scope="session")
def api_socket() -> Iterator[socket.socket]:
    """Listen on one port for all of this worker's tests, so that the sandbox knows where to send webhooks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As asyncio does with a socket of its own: else each answer waits 40 ms for a delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


@pytest.fixture(scope="session")
def api_url(api_socket: socket.socket) -> str:
    return f"http://127.0.0.1:{api_socket.getsockname()[1]}"


@pytest.fixture(scope="session")
def sandbox_url(api_url: str) -> Iterator[str]:
    """Run the sandbox in a thread of its own."""
    config = SandboxConfig(
        secret_key=SECRET_KEY,
        webhook_url=f"{api_url}/v1/stripe/webhook",
        webhook_secret=WEBHOOK_SECRET,
        webhook_backoff=(0.05, 0.1, 0.2, 0.5, 1, 2, 3600),
    )
    server = make_server(config, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "the sandbox starts")
    assert thread.is_alive(), "the sandbox did not start"
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
async def sandbox(sandbox_url: str) -> AsyncIterator[SandboxClient]:
    """Return the client of a Stripe that has no objects yet."""
    async with SandboxClient(sandbox_url) as control:
        await control.reset()
        yield control


def settings_for(database_url: str, sandbox_url: str, **others: Any) -> Settings:
    """Return settings with short times, so that a slow Stripe is soon too slow."""
    return Settings.model_validate(
        {
            "environment": "development",
            "instance": "test",
            "database_url": database_url,
            "stripe_secret_key": SECRET_KEY,
            "stripe_webhook_secret": WEBHOOK_SECRET,
            "stripe_api_base": sandbox_url,
            "stripe_timeout": timedelta(seconds=2),
            "lease_slack": timedelta(seconds=1),
            "converge_deadline": timedelta(seconds=5),
            **others,
        }
    )


@cache
def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document, which takes half a second to make; nobody changes it."""
    return create_app(settings_for("postgresql://nobody@127.0.0.1/none", "http://127.0.0.1:9")).openapi()


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return openapi_document()


@pytest.fixture
def settings(database_url: str, sandbox_url: str) -> Settings:
    return settings_for(database_url, sandbox_url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Return the service's database, in which an earlier test left nothing."""
    async with open_database(database_url) as database:
        await database.empty()
        yield database


@pytest.fixture
async def resources(settings: Settings, sandbox: SandboxClient, database: Database) -> AsyncIterator[Resources]:
    """Return what the service works with, for a look behind the API."""
    async with open_resources(settings) as resources:
        yield resources


async def empty(resources: Resources) -> None:
    """Delete what an earlier example stored."""
    async with open_database(resources.settings.database_url.get_secret_value()) as database:
        await database.empty()


NewKey = Callable[..., Awaitable[str]]


@pytest.fixture
def sweep(resources: Resources, jobs: Jobs) -> Sweep:
    """Return what looks at what is due now, as the worker does each minute, and does the jobs that this queues."""

    async def once() -> None:
        await recovery.sweep(resources)
        await jobs()

    return once


@pytest.fixture
def new_key(resources: Resources) -> NewKey:
    """Make API keys."""

    async def create(*scopes: Scope, client: str = "shop") -> str:
        return (await api_keys.create(resources.database, client=client, scopes=scopes)).secret

    return create


@asynccontextmanager
async def serving(settings: Settings, listener: socket.socket) -> AsyncIterator[None]:
    """Serve the API on a listening socket, in this event loop."""
    app = create_app(settings)
    app.openapi_schema = openapi_document()  # else each test that sends a wrong request makes its own
    server = uvicorn.Server(server_config(app, settings))
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment] # the signals are pytest's
    task = asyncio.create_task(server.serve(sockets=[listener.dup()]))

    async def is_up() -> bool:
        return server.started or task.done()

    await until(is_up, "the API starts")
    assert not task.done(), "the API did not start"
    yield
    server.should_exit = True
    await task


@pytest.fixture
async def anonymous(
    resources: Resources, settings: Settings, api_socket: socket.socket, api_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the API without a key."""
    async with (
        serving(settings, api_socket),
        httpx.AsyncClient(base_url=api_url, trust_env=False, timeout=15, verify=TLS) as client,
    ):
        yield client


@pytest.fixture
async def api(anonymous: httpx.AsyncClient, new_key: NewKey) -> httpx.AsyncClient:
    """Return a client of the API with a key for payments."""
    key = await new_key("payments:read", "payments:write")
    anonymous.headers["Authorization"] = f"Bearer {key}"
    return anonymous


@pytest.fixture
def cart(api: httpx.AsyncClient, sandbox: SandboxClient, database: Database) -> Cart:
    return Cart(api, sandbox, database)


@pytest.fixture
def checkout(cart: Cart) -> Checkout:
    return Checkout(cart)


@pytest.fixture
def session(cart: Cart) -> Cart:
    """Return a customer's session, which has no cart yet."""
    return cart.another("/v1/sessions/s1")


async def do_jobs(resources: Resources, database_url: str) -> None:
    """Do all queued jobs and come back when none is left."""
    async with asyncpg.create_pool(database_url, min_size=2, max_size=4) as pool:
        queue = PgQueuer.from_asyncpg_pool(pool)
        worker.register(queue, resources)
        with suppress(asyncio.CancelledError):
            await queue.qm.run(mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(seconds=1))


@pytest.fixture
def jobs(resources: Resources, database_url: str) -> Jobs:
    return partial(do_jobs, resources, database_url)
