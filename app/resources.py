"""What a process opens once and shares: its settings, the database, and Stripe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request

from app.db.engine import Database, open_database
from app.db.single_flight import SingleFlight
from app.settings import Settings
from app.stripe_gateway import StripeGateway, open_gateway


@dataclass(frozen=True, slots=True)
class Resources:
    """The services' surroundings: made in one place, closed in one place."""

    settings: Settings
    database: Database
    stripe: StripeGateway
    single_flight: SingleFlight = field(default_factory=SingleFlight)

    def unhurried(self) -> "Resources":
        """Return the same for work that nobody waits for: its calls to Stripe let all others go first."""
        return replace(self, stripe=self.stripe.unhurried())


@asynccontextmanager
async def open_resources(settings: Settings, *, is_background: bool = False) -> AsyncIterator[Resources]:
    """Open them all. They are bound to this event loop. In the background, calls to Stripe are limited by a rate."""
    async with open_database(settings) as database, open_gateway(settings, is_background=is_background) as stripe:
        yield Resources(settings, database, stripe)


async def _of_request(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


ResourcesDependency = Annotated[Resources, Depends(_of_request)]
