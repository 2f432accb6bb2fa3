"""The processes that are measured, and what they stand on: PostgreSQL and a stand-in for Stripe."""

import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import aiohttp
import asyncpg
import psutil

from app.auth import api_keys
from app.db import migrations
from app.db.engine import open_database
from app.dev.ports import free_port
from app.dev.postgres import EmbeddedPostgres
from app.settings import DatabaseSettings
from bench.database import plain_url
from bench.stripe_objects import WEBHOOK_SECRET, signature
from sandbox.client import SandboxClient

INSTANCE = "bench"
STRIPE_KEY = "sk_test_bench"
ROOT = Path(__file__).parents[1]
START_SECONDS = 60
# As a small production server has it; all else, durable commits above all, is PostgreSQL's default.
POSTGRES_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}


@dataclass(frozen=True)
class Server:
    """A process that listens on a port."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process)

    def memory(self) -> float:
        """Return its resident memory, in MiB."""
        return sum(each.memory_info().rss for each in _family(self.process)) / 2**20


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process and its children, ended ones included."""
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:  # counted by its parent from now on
            continue
        total += times.user + times.system
    return float(total)


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


@contextmanager
def postgres() -> Iterator[EmbeddedPostgres]:
    """Run a PostgreSQL whose commits are durable, as in production."""
    with tempfile.TemporaryDirectory(prefix="payments-bench-") as folder, EmbeddedPostgres(Path(folder)) as server:
        asyncio.run(_configure(server))
        server.stop()
        server.start()
        yield server


async def _configure(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(plain_url(server.url("postgres")))
    for name, value in POSTGRES_SETTINGS.items():
        await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await connection.execute("CREATE ROLE postgres SUPERUSER")  # the sync engine's migrations name it
    await connection.close()


async def migrated_database(server: EmbeddedPostgres, name: str) -> str:
    """Create a database with the service's tables; return its address."""
    server.create_database(name)
    url = os.environ["DATABASE_URL"] = server.url(name)
    await asyncio.to_thread(migrations.upgrade)  # it starts an event loop of its own
    return url


def environment(database_url: str, stripe: str) -> dict[str, str]:
    """Return what the service needs to run, with this address as Stripe's."""
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": database_url,
        "INSTANCE": INSTANCE,
        "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": stripe,
        "STRIPE_TIMEOUT": "PT60S",  # so that none gives up while it is measured
        "CONVERGE_DEADLINE": "PT70S",
        "LOG_LEVEL": "WARNING",
        "NOTIFICATION_KEY": "notification-key-of-the-benchmarks-only",
    }


@asynccontextmanager
async def running(
    *command: str, environment: Mapping[str, str] = MappingProxyType({}), cwd: Path = ROOT
) -> AsyncIterator[Server]:
    """Run a server whose command ends with its port, until it listens; kill it at the end."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(*command, str(port)), env={"PATH": os.environ["PATH"], **environment}, cwd=cwd, stdout=log, stderr=log
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await _listens(port):
                    if process.returncode is not None:
                        log.seek(0)
                        raise RuntimeError(f"{command} did not start: {log.read().decode(errors='replace')}")
                    await asyncio.sleep(0.01)
            yield Server(port, psutil.Process(process.pid))
        finally:
            if process.returncode is None:
                process.kill()  # nothing of it is worth a graceful end
                await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def service(database_url: str, stripe: str) -> AsyncIterator[Server]:
    """Run one process of the API."""
    command = (sys.executable, "-m", "app", "serve", "--port")
    async with running(*command, environment=environment(database_url, stripe)) as server:
        yield server


@asynccontextmanager
async def stripe_stub() -> AsyncIterator[Server]:
    async with running(sys.executable, "-m", "bench.stripe_stub") as server:
        yield server


async def create_key(url: str) -> str:
    """Return a new API key for payments."""
    async with open_database(DatabaseSettings.model_validate({"database_url": url})) as database:
        key = await api_keys.create(database, client="bench", scopes=("payments:read", "payments:write"))
    return key.secret


@dataclass(frozen=True)
class SandboxStack:
    """The service with the sandbox as Stripe, and a client that is let in."""

    api: str
    sandbox: SandboxClient
    client: aiohttp.ClientSession


@asynccontextmanager
async def sandbox_stack(server: EmbeddedPostgres, name: str) -> AsyncIterator[SandboxStack]:
    """Run all of it on a database of its own."""
    url = await migrated_database(server, name)
    async with (
        running(sys.executable, "-m", "sandbox", "--port") as stripe,
        SandboxClient(stripe.url) as sandbox,
        service(url, stripe.url) as api,
        aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {await create_key(url)}"}, connector=aiohttp.TCPConnector(limit=0)
        ) as client,
    ):
        yield SandboxStack(api.url, sandbox, client)


def event(intent: dict[str, object]) -> tuple[bytes, dict[str, str]]:
    """Make a signed event that tells nothing new, as most do; return its body and headers."""
    told = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": "payment_intent.created", "livemode": False}
    body = json.dumps(told | {"created": int(time.time()), "data": {"object": intent}}).encode()
    return body, {"Stripe-Signature": signature(body)}


async def timed(work: Callable[[int], Awaitable[None]], count: int, *, at_once: int) -> list[float]:
    """Do it so often, so many at once; return how long each took, in seconds, shortest first."""
    numbers, taken = iter(range(count)), []

    async def worker() -> None:
        for number in numbers:
            began = time.perf_counter()
            await work(number)
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return sorted(taken)
