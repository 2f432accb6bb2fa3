"""`python -m app keys …`."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args

import typer

from app.auth.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from app.auth.api_keys import NewKey, StoredKey
    from app.db.engine import Connection

keys = typer.Typer(no_args_is_help=True, help="The API keys of backend services.")

# As events name it: `client:<client>/<key id>`.
CLIENT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"

Answer = TypeVar("Answer")
KeyId = Annotated[str, typer.Argument(help="The public id of the key, as `keys list` shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


@keys.command()
def create(
    client: Annotated[str, typer.Argument(help="The name of the service that will use it.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do: {', '.join(get_args(Scope))}.")],
    is_json: Json = False,
) -> None:
    """Make an API key; it is shown once."""
    from app.auth import api_keys

    if unknown := set(scope) - set(get_args(Scope)):
        raise typer.BadParameter(f"no such scope: {', '.join(sorted(unknown))}")
    if re.fullmatch(CLIENT, client) is None:
        raise typer.BadParameter("a client's name has letters, digits and . _ - alone")

    async def make(connection: Connection) -> NewKey:
        return await api_keys.create(connection, client=client, scopes=scope)

    _show_once(_in_database(make), is_json=is_json)


@keys.command("list")
def list_() -> None:
    """Show every key: whose, what it may do, when it was last used (to the minute), whether it is valid."""
    from rich.console import Console
    from rich.table import Column, Table

    from app.auth import api_keys

    rows, now = _in_database(api_keys.list_all)
    table = Table(
        Column("Key", no_wrap=True), "Client", "Scopes", "Created", "Last used", "State", box=None, pad_edge=False
    )
    for row in rows:
        table.add_row(
            row.id, row.client, " ".join(row.scopes), _time(row.created_at), _time(row.last_used_at), _state(row, now)
        )
    Console().print(table)


@keys.command()
def rotate(
    key_id: KeyId,
    overlap_hours: Annotated[float, typer.Option(min=0, help="How long the old key works beside the new one.")] = 24,
    is_json: Json = False,
) -> None:
    """Make a key's successor with the same client and scopes; both are valid for a while."""
    from app.auth import api_keys

    overlap = timedelta(hours=overlap_hours)
    _show_once(_in_database(lambda connection: api_keys.rotate(connection, key_id, overlap=overlap)), is_json=is_json)
    typer.echo(f"{key_id} works for {overlap_hours:g} h more; {_forgetting()}", err=True)


@keys.command()
def revoke(key_id: KeyId) -> None:
    """Make a key useless."""
    from app.auth import api_keys

    _in_database(lambda connection: api_keys.revoke(connection, key_id))
    typer.echo(f"{key_id} is revoked; {_forgetting()}")


def _forgetting() -> str:
    from app.auth.verified_keys import REMEMBERED_FOR

    seconds = round(REMEMBERED_FOR.total_seconds())
    return f"a process that has just accepted it may do so for {seconds} s longer, others refuse it at once."


def _show_once(made: NewKey, *, is_json: bool) -> None:
    if is_json:
        typer.echo(json.dumps({"id": made.id, "client": made.client, "scopes": made.scopes, "key": made.secret}))
    else:
        typer.echo(f"The key of {made.client}, shown only now:")
        typer.echo(made.secret)


def _in_database(work: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """Do it in one transaction; end with one line when it can't be done."""
    from app.auth.api_keys import KeyRefused
    from app.db.engine import open_database
    from app.settings import DatabaseSettings

    async def run() -> Answer:
        async with open_database(DatabaseSettings()) as database, database.transaction() as connection:
            return await work(connection)

    try:
        return asyncio.run(run())
    except KeyRefused as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else "never"


def _state(row: StoredKey, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is None:
        return "valid"
    return "expired" if row.expires_at <= now else f"valid until {_time(row.expires_at)}"
