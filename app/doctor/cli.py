"""`python -m app doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.doctor.checks import Result


def doctor() -> None:
    """Check the settings, the database, Stripe and its webhooks; exit with 1 when something is wrong."""
    from app.doctor import production_checks
    from app.doctor.checks import Result, examine

    settings, findings = production_checks.read_settings()
    if settings is None:
        results = [Result("Settings", finding.problem, finding.remedy) for finding in findings]
    else:
        results = asyncio.run(examine(settings))
    _show(results)
    if any(result.remedy for result in results):
        raise typer.Exit(1)


def _show(results: list[Result]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "Subject", "Seen", "Remedy", box=None, pad_edge=False)
    for result in results:
        mark = "[red]✗[/]" if result.remedy else "[green]✓[/]"
        table.add_row(mark, *(_plain(text) for text in (result.subject, result.seen, result.remedy or "")))
    Console(soft_wrap=False).print(table)


def _plain(text: str) -> str:
    """Return the text with its brackets escaped: they are not markup."""
    return text.replace("[", r"\[")
