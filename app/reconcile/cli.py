"""`python -m app events replay` and `python -m app sync`: repair by hand what webhooks did not bring."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from app.reconcile.service import Tally
    from app.settings import Settings

events = typer.Typer(no_args_is_help=True, help="Stripe's events, and this service's own.")

Result = TypeVar("Result")


@events.command()
def replay(
    since: Annotated[str, typer.Option(help="The start: `7d` or `12h` ago, or a date and time in UTC.")] = "3d",
) -> None:
    """Record all events that Stripe keeps since then, 30 days at most; running it again is safe."""
    begin = _parse_since(since)
    settings = _quiet_settings()
    tally = _run(_replay(settings, begin))
    typer.echo(
        f"{tally.read} events read, {tally.repaired} of them were missing here, {tally.adopted} PaymentIntents "
        f"adopted, {tally.unreadable} unreadable, {tally.unknown} about what Stripe does not have, {tally.failed} "
        "failed: the log says why, and a later replay takes them. The worker does the jobs that follow."
    )


def _parse_since(since: str) -> datetime:
    """Read `--since`. Raises BadParameter when Stripe no longer keeps events of that time."""
    from app.reconcile.service import STRIPE_EVENT_RETENTION

    now = datetime.now(UTC)
    if match := re.fullmatch(r"(\d{1,4})([dh])", since):
        number = int(match[1])
        begin = now - (timedelta(days=number) if match[2] == "d" else timedelta(hours=number))
    else:
        try:
            given = datetime.fromisoformat(since)
        except ValueError as error:
            raise typer.BadParameter("must be like 7d or 12h, or a date like 2026-11-23T09:00") from error
        begin = given if given.tzinfo else given.replace(tzinfo=UTC)
    if not now - STRIPE_EVENT_RETENTION - timedelta(minutes=1) <= begin <= now:
        raise typer.BadParameter("must be in the last 30 days: Stripe keeps no older events")
    return begin


async def _replay(settings: Settings, begin: datetime) -> Tally:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from app.reconcile import service
    from app.resources import open_resources

    columns = (TextColumn("Events back to"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    async with open_resources(settings, is_background=True) as resources:
        with Progress(*columns) as progress:
            span = (datetime.now(UTC) - begin).total_seconds()
            task = progress.add_task("", total=max(span, 1))

            def show(back_to: datetime, tally: Tally) -> None:
                done = span - (back_to - begin).total_seconds()
                progress.update(task, completed=done, description=f"{back_to:%F %T}, {tally.read} read")

            tally = await service.replay(resources, begin, on_page=show)
            progress.update(task, completed=max(span, 1))
    return tally


def sync(
    stripe_id: Annotated[str, typer.Argument(help="Stripe's id: pi_… or cs_…", metavar="ID")],
) -> None:
    """Retrieve one PaymentIntent, its attempts and disputes from Stripe, and repair what differs here."""
    if not re.fullmatch(r"(pi|cs)_[A-Za-z0-9_]{1,250}", stripe_id):
        raise typer.BadParameter("must be Stripe's id of a PaymentIntent or Checkout Session: pi_… or cs_…")
    synced = _run(_sync(_quiet_settings(), stripe_id))
    if synced is None:
        typer.echo(f"{stripe_id} does not belong to this installation (INSTANCE); nothing was done.")
        raise typer.Exit(1)
    typer.echo(synced)


async def _sync(settings: Settings, stripe_id: str) -> str | None:
    from app.reconcile.sync import sync as sync_one
    from app.resources import open_resources
    from app.stripe_gateway.errors import UnknownObject

    async with open_resources(settings, is_background=True) as resources:
        try:
            synced = await sync_one(resources, stripe_id)
        except UnknownObject as error:
            raise UnknownObject(
                f"Stripe knows no {stripe_id}: compare the id, and the key's account and mode."
            ) from error
    if synced is None:
        return None
    row, repairs = synced
    return (
        f"{row.reference.kind} {row.reference.id}: {stripe_id} is {row.status}. "
        f"{'Its status was repaired' if repairs.is_changed else 'Its status was right'}; "
        f"{repairs.attempts} attempts and {repairs.disputes} disputes were missing."
    )


def _quiet_settings() -> Settings:
    from app.observability.logging import configure_logging
    from app.settings import Settings

    settings = Settings()
    configure_logging(is_json=False, level="WARNING")
    return settings


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run the coroutine; print an error as one sentence and exit with 1."""
    from app.errors import PaymentsError

    try:
        return asyncio.run(work)
    except PaymentsError as error:
        typer.echo(error.detail)
        raise typer.Exit(1) from error
