"""A page of a shop with nothing but what a test puts there, on another origin than the sandbox, in a real browser."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
]
PATIENCE_MS = 10_000


class BarePage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.origin = ""
        self._html = ""

    async def show(self, html: str) -> None:
        self._html = html
        await self.page.goto(self.origin)

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(text=self._html, content_type="text/html")


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        await browser.close()


@asynccontextmanager
async def served(browser: Browser) -> AsyncIterator[BarePage]:
    bare = BarePage(await browser.new_page())
    bare.page.set_default_timeout(PATIENCE_MS)
    app = web.Application()
    app.router.add_get("/", bare.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bare.origin = f"http://localhost:{runner.addresses[0][1]}/"
    yield bare
    await bare.page.close()
    await runner.cleanup()
