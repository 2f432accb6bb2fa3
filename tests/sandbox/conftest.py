from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
import pytest_asyncio
import stripe
from aiohttp import web
from playwright.async_api import Browser

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from tests.sandbox.bare_page import BarePage, launched, served
from tests.sandbox.running import (
    PUBLISHABLE_KEY,
    SECRET_KEY,
    Receiver,
    client_of,
    http,
    running,
)

Start = Callable[[SandboxConfig], str]


@pytest.fixture(scope="session", autouse=True)
def _library() -> Iterator[None]:
    stripe.enable_telemetry = False
    yield
    http.close()


@pytest.fixture(scope="session")
def shared_url() -> Iterator[str]:
    config = SandboxConfig(secret_key=SECRET_KEY, publishable_key=PUBLISHABLE_KEY, webhook_backoff=(0.05, 0.05, 3600))
    with running(config) as url:
        yield url


@pytest.fixture
def url(shared_url: str) -> str:
    """Give a sandbox that knows nothing."""
    http.post(f"{shared_url}/_sandbox/reset").raise_for_status()
    return shared_url


@pytest.fixture
def start() -> Iterator[Start]:
    """Start further sandboxes, each with a config of its own."""
    with ExitStack() as stack:
        yield lambda config: stack.enter_context(running(config))


@pytest.fixture
def client(url: str) -> stripe.StripeClient:
    return client_of(url)


@pytest.fixture
async def control(url: str) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(url) as control:
        yield control


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/webhook", receiver.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook"
    yield receiver
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def bare(browser: Browser) -> AsyncIterator[BarePage]:
    async with served(browser) as bare:
        yield bare
