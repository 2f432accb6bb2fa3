import shutil
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from sandbox.client import SandboxClient
from tests.browser.checkout_page import CheckoutPage
from tests.stack import Stack, stack_of

NAMES = ("chromium", "chromium-browser", "google-chrome")
# It is to do nothing but what the test does; as root it has no sandbox.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 10_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "moves_the_clock" in item.keywords)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def stack(browser: Browser, request: pytest.FixtureRequest) -> Stack:
    """Start the stack, unless there is no browser to use it."""
    return stack_of(request)


@pytest_asyncio.fixture(loop_scope="session")
async def stripe(stack: Stack) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(stack.sandbox_url) as control:
        yield control
        await control.clear_faults()
        await control.restore_webhooks()


@pytest_asyncio.fixture(loop_scope="session")
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, trust_env=False) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Give a window whose pages break neither their script nor their Content-Security-Policy."""
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Chromium itself notes each answer of 400 and above; a decline is one.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            faults.append(message.text)

    context.on("console", note)
    context.on("weberror", lambda error: faults.append(str(error.error)))
    yield context
    await context.close()
    assert faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def checkout(page: Page, api: httpx.AsyncClient, stripe: SandboxClient, stack: Stack) -> CheckoutPage:
    """Return the page of a new cart, with one of each product, ready to be paid in the Card Element."""
    checkout = CheckoutPage(page, api, stripe)
    await checkout.open(f"{stack.shop_url}/?with=card-element")
    return checkout


@pytest_asyncio.fixture(loop_scope="session")
async def other_tab(
    checkout: CheckoutPage, context: BrowserContext, api: httpx.AsyncClient, stripe: SandboxClient
) -> CheckoutPage:
    """Give a second tab with the same cart."""
    other = CheckoutPage(await context.new_page(), api, stripe)
    await other.open(checkout.page.url)
    return other
