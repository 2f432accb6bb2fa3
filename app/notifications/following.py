"""Follow the feed over HTTP as a consumer does, and post its events to a receiver, signed as notifications are."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from app.notifications.signing import signed_headers

WAIT_SECONDS = 25
PAUSE_SECONDS = 2.0
OK, SERVER_ERROR = 200, 500


class FeedRefused(Exception):
    """The service refused to give events; the message is its own."""


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    next_cursor: str


async def follow(url: str, key: str, *, types: str | None, after: str) -> AsyncIterator[tuple[dict[str, Any], str]]:
    """Yield each event and its JSON, for ever; a service that is away is waited for. Raises FeedRefused."""
    params = {"after": after, "wait": str(WAIT_SECONDS)} | ({"types": types} if types else {})
    timeout = aiohttp.ClientTimeout(total=WAIT_SECONDS + 15)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}, timeout=timeout) as feed:
        while True:
            page = await _page(feed, f"{url.rstrip('/')}/v1/events", params)
            for raw in page.data:
                yield msgspec.json.decode(raw), bytes(raw).decode()
            params["after"] = page.next_cursor


async def _page(feed: aiohttp.ClientSession, url: str, params: dict[str, str]) -> _Page:
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with feed.get(url, params=params) as response:
                body = await response.read()
            if response.status == OK:
                return msgspec.json.decode(body, type=_Page)
            if response.status < SERVER_ERROR:
                raise FeedRefused(str(msgspec.json.decode(body).get("detail", response.status)))
        await asyncio.sleep(PAUSE_SECONDS)


async def forward(receiver: aiohttp.ClientSession, url: str, event_id: str, body: str, secret: str) -> str:
    """Post an event; return what came of it, for a person."""
    headers = {"Content-Type": "application/json", **signed_headers(event_id, body, [secret])}
    began = time.monotonic()
    try:
        async with receiver.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response:
            result = str(response.status)
    except (aiohttp.ClientError, TimeoutError) as error:
        result = type(error).__name__
    return f"→ {result}, {round((time.monotonic() - began) * 1000)} ms"
