"""`python -m app listen` and `python -m app events tail`: the feed on a developer's machine, over HTTP."""

from __future__ import annotations

import asyncio
import os
import secrets
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.console import Console

Url = Annotated[str, typer.Option("--url", help="The address of the service's API.", envvar="PAYMENTS_API_URL")]
Types = Annotated[str | None, typer.Option("--types", help="Only these: payment.succeeded,refund.*")]
After = Annotated[str, typer.Option("--after", help="A cursor of the feed; `latest` for new events alone.")]

DEFAULT_URL = "http://127.0.0.1:8000"

# By what a person looks for first.
COLORS = {"succeeded": "green", "failed": "red", "canceled": "yellow", "flagged": "magenta", "opened": "cyan"}


def tail(url: Url = DEFAULT_URL, types: Types = None, after: After = "latest") -> None:
    """Print a line for each event as it happens. PAYMENTS_API_KEY is a key with `events:read`."""
    _run(_tail(url, _key(), types, after))


def listen(
    forward_to: Annotated[str, typer.Option(help="Where to post each event: http://localhost:9000/hook")],
    url: Url = DEFAULT_URL,
    types: Types = None,
    after: After = "latest",
) -> None:
    """Post each event to a receiver on this machine, signed as notifications are, and print its answer.

    PAYMENTS_API_KEY is a key with `events:read`. PAYMENTS_WEBHOOK_SECRET signs, or one that is made up and printed.
    What the receiver does not take is printed, and not sent again.
    """
    secret = os.environ.get("PAYMENTS_WEBHOOK_SECRET")
    if secret is None:
        secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
        typer.echo(f"PAYMENTS_WEBHOOK_SECRET={secret}")
    _run(_listen(url, _key(), types, after, forward_to, secret))


def _key() -> str:
    key = os.environ.get("PAYMENTS_API_KEY")
    if not key:
        typer.echo("Set PAYMENTS_API_KEY to a key with events:read.", err=True)
        raise typer.Exit(1)
    return key


def _run(work: Coroutine[Any, Any, None]) -> None:
    from app.notifications.following import FeedRefused

    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(work)
    except FeedRefused as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


async def _tail(url: str, key: str, types: str | None, after: str) -> None:
    from rich.console import Console

    from app.notifications.following import follow

    console = Console(highlight=False, soft_wrap=True)
    async for event, _ in follow(url, key, types=types, after=after):
        _print(console, event, "")


async def _listen(url: str, key: str, types: str | None, after: str, forward_to: str, secret: str) -> None:
    import aiohttp
    from rich.console import Console

    from app.notifications.following import follow, forward

    console = Console(highlight=False, soft_wrap=True)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as receiver:
        async for event, body in follow(url, key, types=types, after=after):
            _print(console, event, await forward(receiver, forward_to, event["id"], body, secret))


def _print(console: Console, event: dict[str, Any], answer: str) -> None:
    from rich.text import Text

    name = f"{event['reference']['kind']}:{event['reference']['id']}"
    console.print(
        Text.assemble(
            (event["created_at"][:19], "dim"),
            "  ",
            (f"{event['type']:26}", COLORS.get(event["type"].partition(".")[2], "default")),
            f"  {name} #{event['sequence']}  {event['actor']}",
            f"  {answer}" if answer else "",
        )
    )
