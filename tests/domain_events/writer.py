"""A process that writes events of many carts until it is killed: `python -m tests.domain_events.writer URL NUMBER`."""

import asyncio
import random
import sys

from app.db.errors import DatabaseUnavailable
from app.payment_intents import repository
from app.payment_intents.convergence import context_at
from app.payment_intents.protocol.events import PaymentAmountChanged
from app.payment_intents.protocol.state import Actor, Change
from app.payment_intents.protocol.terms import PaymentTerms, Reference
from app.references.repository import compare_and_set
from app.resources import Resources, open_resources
from tests.conftest import settings_for

REFERENCES = 40
chance = random.Random()  # noqa: S311 - no secret

TERMS = PaymentTerms(1000, "eur", capture_method="automatic_async")


async def _change(resources: Resources, reference: Reference, number: int) -> Change:
    found = await repository.read(resources.database, reference, threshold=1)
    change = Change(found.state, context_at(resources, found), Actor(f"test:{number}"))
    row = change.state.newest
    if row is None:
        change.open_next(requested=TERMS, revision=1)
    else:
        change.put(row._replace(revision=row.revision + 1))
        for _ in range(chance.randint(1, 3)):
            change.append(row, PaymentAmountChanged(number, "eur", row.revision, "eur"))
    return change


async def write(resources: Resources, number: int) -> None:
    """Write one batch, as webhooks do: what others hold or have changed is left out."""
    chosen = chance.sample(range(REFERENCES), chance.randint(1, 5))
    changes = [await _change(resources, Reference("cart", f"c{each}"), number) for each in chosen]
    async with resources.database.connection() as connection:
        await compare_and_set(connection, [repository.writes_of(change) for change in changes], "batch")


async def _main(url: str, number: int) -> None:
    async with open_resources(settings_for(url, "http://127.0.0.1:9")) as resources:
        while True:
            try:
                await write(resources, number)
            except DatabaseUnavailable:
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
