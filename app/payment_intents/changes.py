"""Change one PaymentIntent outside a run: read, decide, compare and set, again and again until nobody was faster."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from app.payment_intents import repository
from app.payment_intents.convergence import RACE_PAUSE, context_at
from app.payment_intents.errors import SyncPending
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.resources import Resources

T = TypeVar("T")

Decide = Callable[[Change, PaymentIntentState], Awaitable[T]]


async def change_one(resources: Resources, payment_intent_id: UUID, actor: Actor, decide: Decide[T]) -> T:
    """Write what `decide` makes of a PaymentIntent as it is now; return what it returned.

    Raises SyncPending when others were faster until the deadline.
    """
    deadline = time.monotonic() + resources.settings.converge_deadline.total_seconds()
    while True:
        found = await repository.read_one(resources.database, payment_intent_id, threshold=1)
        [row] = found.state.payment_intents
        change = Change(found.state, context_at(resources, found), actor)
        result = await decide(change, row)
        if change.is_empty:
            return result
        async with resources.database.connection() as connection:
            if await repository.write(connection, change):
                return result
        if time.monotonic() > deadline:
            raise SyncPending
        await asyncio.sleep(random.uniform(0, RACE_PAUSE))  # noqa: S311 - no secret
