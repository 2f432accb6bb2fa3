"""What a process opens once and shares: its settings, the database, and Stripe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from app.db.engine import Sessions, create_engine, create_sessions
from app.db.single_flight import Turns
from app.settings import Settings
from app.stripe_gateway import StripeGateway, open_gateway


@dataclass(frozen=True, slots=True)
class Resources:
    """The services' surroundings: made in one place, closed in one place."""

    settings: Settings
    sessions: Sessions
    stripe: StripeGateway
    turns: Turns = field(default_factory=Turns)


@asynccontextmanager
async def open_resources(settings: Settings, *, is_background: bool = False) -> AsyncIterator[Resources]:
    """Open them all. They are bound to this event loop. In the background, calls to Stripe keep to a pace."""
    engine = create_engine(settings)
    try:
        async with open_gateway(settings, is_background=is_background) as stripe:
            yield Resources(settings, create_sessions(engine), stripe)
    finally:
        await engine.dispose()


async def _of_request(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


ResourcesDependency = Annotated[Resources, Depends(_of_request)]
