"""The service as one process with the sandbox and PostgreSQL beside it, and a client that takes times."""

import asyncio
import hashlib
import hmac
import json
import math
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import api_keys
from app.db import migrations
from app.db.engine import create_engine
from app.dev.ports import free_port
from app.dev.postgres import EmbeddedPostgres
from app.settings import DatabaseSettings
from bench.payments import INSTANCE, SECRET
from sandbox.client import SandboxClient

STRIPE_KEY = "sk_test_bench"


@dataclass(frozen=True)
class Stack:
    """Where everything is, and a client that is let in."""

    api: str
    database_url: str
    sandbox: SandboxClient
    client: aiohttp.ClientSession


@asynccontextmanager
async def stack(server: EmbeddedPostgres, name: str) -> AsyncIterator[Stack]:
    """Run all of it on a database of its own."""
    server.create_database(name)
    url = os.environ["DATABASE_URL"] = server.url(name)
    await asyncio.to_thread(migrations.upgrade)
    async with running("-m", "sandbox", "--port") as sandbox_url, SandboxClient(sandbox_url) as sandbox:
        settings = environment(url, sandbox_url) | {
            "STRIPE_TIMEOUT": "PT60S",  # so that none gives up while it is measured
            "CONVERGE_DEADLINE": "PT70S",
            "LOG_LEVEL": "WARNING",
        }
        headers = {"Authorization": f"Bearer {await _key(url)}"}
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            running("-m", "app", "serve", "--port", **settings) as api,
            aiohttp.ClientSession(headers=headers, connector=connector) as client,
        ):
            yield Stack(api, url, sandbox, client)


def environment(database_url: str, stripe: str) -> dict[str, str]:
    """Give what the service needs to run, with the sandbox as Stripe."""
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": database_url,
        "INSTANCE": INSTANCE,
        "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": stripe,
    }


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[str]:
    """Run a server whose command ends with its port; give its address once it listens."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, str(port)),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        while not await _listens(port):
            assert process.returncode is None, f"{command} did not start"
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # nothing of it is worth a graceful end
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _key(url: str) -> str:
    engine = create_engine(DatabaseSettings.model_validate({"database_url": url}))
    async with AsyncSession(engine) as session, session.begin():
        key = api_keys.create(session, client="bench", scopes=("payments:read", "payments:write"))
    await engine.dispose()
    return key.secret


def event(intent: dict[str, object]) -> tuple[bytes, dict[str, str]]:
    """Make a signed event that tells nothing new, as most do; give its body and headers."""
    told = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": "payment_intent.created", "livemode": False}
    body = json.dumps(told | {"created": int(time.time()), "data": {"object": intent}}).encode()
    at = str(int(time.time()))
    proof = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={at},v1={proof}"}


async def timed(work: Callable[[int], Awaitable[None]], count: int, *, at_once: int) -> list[float]:
    """Do it so often, so many at once; give how long each took, in seconds, shortest first."""
    numbers, taken = iter(range(count)), []

    async def worker() -> None:
        for number in numbers:
            began = time.perf_counter()
            await work(number)
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return sorted(taken)


def percentile(taken: list[float], share: float) -> float:
    return taken[min(len(taken) - 1, math.ceil(len(taken) * share) - 1)]
