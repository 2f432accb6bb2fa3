"""How much memory one API process needs over very many requests."""

import itertools
from collections.abc import Iterator

from app.dev.postgres import EmbeddedPostgres
from bench import client
from bench.database import clone
from bench.figures import Figures
from bench.stack import create_key, migrated_database, service, stripe_stub
from bench.stripe_objects import events
from bench.traffic import Service, Template

CONNECTIONS = 16
SAMPLES = 20
PAYMENTS = 5_000  # whose events come again and again


async def measure(server: EmbeddedPostgres, requests: int) -> Figures:
    """Send a mix of all requests; note the process's resident memory on the way."""
    figures = Figures([], [f"Memory was watched over {requests:,} requests."])
    url = await migrated_database(server, "memory")
    ours = Service(await create_key(url))
    async with stripe_stub() as stripe, service(url, stripe.url) as running:
        template = await ours.make_template(running.port, url, stripe.port)
        payments = await clone(url, template.cart, "many", PAYMENTS)
        mix = _mix(ours, template, [template.intent(payment) for payment in payments])
        for sample in range(SAMPLES + 1):
            figures.add("memory", "service", requests=requests * sample / SAMPLES, mib=running.memory())
            await client.send(running.port, itertools.islice(mix, requests // SAMPLES), connections=CONNECTIONS)
    return figures


def _mix(ours: Service, template: Template, intents: list[dict[str, object]]) -> Iterator[bytes]:
    """Of ten requests one creates, one puts the same again, four read, one gets a client secret, three are webhooks."""
    create, same = ours.create(), ours.put(itertools.repeat(template.cart))
    read, secret = ours.read(itertools.repeat(template.cart)), ours.secret(itertools.repeat(template.cart))
    webhook = ours.webhook(body for intent in itertools.cycle(intents) for body in events(intent)[:2])
    order = (create, read, webhook, same, read, webhook, read, secret, webhook, read)
    for kind in itertools.cycle(order):
        yield next(kind)
