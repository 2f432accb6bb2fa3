"""`python -m app dev`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.dev.configuration import Places
    from app.dev.launcher import DevJson, Programs


def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(min=1, max=65535, help="The Stripe sandbox's port.")] = 12111,
    shop_port: Annotated[int, typer.Option(min=1, max=65535, help="The example shop's port.")] = 8080,
    data_dir: Annotated[Path, typer.Option(help="Keeps the database, the keys and the logs.")] = Path(".data"),
) -> None:
    """Start PostgreSQL, the Stripe sandbox, the API, its worker and the example shop.

    DATABASE_URL, STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET and STRIPE_PUBLISHABLE_KEY, in the environment
    or in .env, replace the part that they name.
    """
    from app.dev.configuration import Places

    run(Places(port, sandbox_port, shop_port, data_dir))


def run(places: Places, programs: Programs | None = None) -> None:
    from app.dev.errors import DevError
    from app.dev.launcher import launch

    _say(f"Starting; the logs are in {places.data_dir}/logs/.")
    try:
        launch(places, _present, programs)
    except DevError as error:
        _say(str(error), style="red", to_stderr=True)
        raise typer.Exit(1) from None
    _say("Stopped.")


def _present(ready: DevJson, warnings: list[str]) -> None:
    stripe = f"{ready.sandbox_url} (sandbox)" if ready.sandbox_url else "the real one, with your test key"
    _say("")
    _say(f"  Shop       {ready.shop_url}", style="bold")
    _say(f"  API        {ready.api_url}/docs")
    _say(f"  Stripe     {stripe}")
    _say(f"  API key    {ready.api_key}")
    _say("")
    for warning in warnings:
        _say(warning, style="yellow")
    _say("Ctrl-C stops all of it. Addresses and secrets, the database's too, are in dev.json beside the logs.")


def _say(text: str, style: str | None = None, *, to_stderr: bool = False) -> None:
    """Print the words as they are: never wrapped, so that a key can be copied, and no markup in them."""
    from rich.console import Console

    Console(stderr=to_stderr).print(text, style=style, markup=False, highlight=False, soft_wrap=True)
