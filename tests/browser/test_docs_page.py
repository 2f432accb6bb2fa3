"""The page about the API in a browser that reaches this service and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def lonely_page(browser: Browser, url: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page to which no other host answers; give it with the list of what went wrong on it."""
    wrong: list[str] = []
    async with await browser.new_context() as context:
        page = await context.new_page()
        page.set_default_timeout(60_000)  # to draw the page takes seconds where others work on the same machine

        async def reach(route: Route) -> None:
            if urlsplit(route.request.url).netloc == urlsplit(url).netloc:
                await route.continue_()
            else:
                wrong.append(f"asked for {route.request.url}")
                await route.abort("internetdisconnected")

        await page.route("**/*", reach)
        page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page, wrong


async def test_the_page_works_without_the_internet(browser: Browser, stack: Stack) -> None:
    async with lonely_page(browser, stack.api_url) as (page, wrong):
        await page.goto(f"{stack.api_url}/docs")
        operation = page.locator("#operations-Health-live")
        await operation.get_by_role("button").first.click()
        await operation.get_by_role("button", name="Try it out").click()
        await operation.get_by_role("button", name="Execute").click()
        await expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    assert wrong == []
