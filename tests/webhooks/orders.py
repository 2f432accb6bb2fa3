"""Sequences of events from the sandbox, recorded again and again in other orders from the same beginning."""

import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

from app import worker
from app.resources import Resources
from app.stripe_gateway import StripeEvent
from app.webhooks import ingest
from tests.database import Database

Event = dict[str, Any]
State = dict[str, Any]


class _Entrypoints:
    """Stands in for the queue where the worker says which service does which job."""

    def __init__(self) -> None:
        self.jobs: dict[str, Callable[[Any], Awaitable[None]]] = {}

    def entrypoint(self, name: str, **_: object) -> Callable[..., Any]:
        return lambda job: self.jobs.setdefault(name, job)

    def schedule(self, *_: object) -> Callable[..., Any]:
        return lambda job: job


async def do_jobs(resources: Resources, database: Database) -> None:
    """Do all queued jobs here, one after the other: a worker takes far longer to start and stop."""
    entrypoints = _Entrypoints()
    worker.register(entrypoints, resources)  # type: ignore[arg-type] # all of the queue that it needs
    while queued := await database.take_jobs():
        for entrypoint, payload in queued:
            await entrypoints.jobs[entrypoint](SimpleNamespace(payload=payload))


async def outcome_of(resources: Resources, database: Database, order: Sequence[Event], *, eager: bool) -> State:
    """Return the state after the events, in this order from what was kept, with the jobs after each or at the end."""
    await database.go_back()
    for event in order:
        await ingest.ingest(resources, StripeEvent.parse(event))
        if eager:
            await do_jobs(resources, database)
    await do_jobs(resources, database)
    return dict(json.loads(json.dumps(await database.outcome(), default=str)))


def twin_of(event: Event) -> Event:
    """Return a second Event object of the same change, as Stripe sometimes makes."""
    return event | {"id": f"evt_{uuid.uuid4().hex}"}
