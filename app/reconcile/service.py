"""Take from Stripe's list the events that its webhooks did not bring, and ingest them as if they had.

Stripe keeps events for 30 days. Reading the list twice does no harm: what is stored already is a duplicate.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from app.db.errors import DatabaseUnavailable
from app.errors import PaymentsError
from app.observability.metrics import MISSED, REPAIRS
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.terms import id_in
from app.payment_intents.repository import PaymentIntentLookup, find
from app.reconcile import adoption, repository
from app.reconcile.repository import Task
from app.reconcile.sync import sync_related
from app.resources import Resources
from app.stripe_gateway import EventPage, StripeEvent, Window
from app.stripe_gateway.errors import InvalidEvent, StripeRefused, UnknownObject
from app.webhooks import ingest
from app.webhooks.errors import RecoveryPending
from app.webhooks.repository import find_received

log = structlog.get_logger()

STRIPE_EVENT_RETENTION = timedelta(days=30)

# How far back the first hourly pass of an installation reads; after that each goes on where the last had ended.
FIRST_RECENT = timedelta(days=1)

# An event may be listed a little later than its `created` says, and clocks differ.
OVERLAP = timedelta(minutes=10)


@dataclass(slots=True)
class Tally:
    """What a pass did: how many events it read, and how many of them were missing here.

    `unknown` are events that name us, but are about nothing that we or Stripe have. Those that `failed` are taken by
    the next pass, which begins with the oldest of them.
    """

    read: int = 0
    repaired: int = 0
    unreadable: int = 0
    unknown: int = 0
    adopted: int = 0
    failed: int = 0
    oldest_failed: datetime | None = None


async def reconcile(resources: Resources) -> Tally:
    """Take every event that an endpoint did not accept, since the last pass.

    One that was broken off goes on where it was. Raises Unavailable; the next run goes on.
    """
    return await _pass(resources, "undelivered", first=STRIPE_EVENT_RETENTION)


async def reconcile_recent(resources: Resources) -> Tally:
    """Take every event since the last such pass, also what Stripe sent to no endpoint of ours.

    An endpoint that was disabled, or did not ask for that type, leaves nothing undelivered. Raises Unavailable.
    """
    tally = await _pass(resources, "recent", first=FIRST_RECENT)
    MISSED.inc(tally.repaired)
    return tally


async def _pass(resources: Resources, task: Task, *, first: timedelta) -> Tally:
    database = resources.database
    now: datetime = await database.fetchval("SELECT now()")
    until = now - resources.settings.reconcile_grace
    oldest = now - STRIPE_EVENT_RETENTION
    progress = await repository.begin(database, task, first=now - first, oldest=oldest, until=until, overlap=OVERLAP)
    window = Window(progress.since, progress.until, is_undelivered=task == "undelivered")
    tally = Tally()
    async for page in _pages(resources, window, after=progress.after):
        await _ingest_page(resources, page, tally)
        if not tally.failed:  # else a pass that is broken off goes on before what failed
            await repository.advance(database, task, page.next_after)
    await repository.finish(database, task, tally.oldest_failed or window.until)
    _log("reconcile.finished", tally)
    return tally


async def replay(resources: Resources, since: datetime, *, on_page: Callable[[datetime, Tally], None]) -> Tally:
    """Take every event since then, delivered or not; `on_page` hears how far back it has come.

    An open Checkout Session has no event yet, so those are looked for too. Repeating it is safe. Raises Unavailable.
    """
    window = Window(since, await resources.database.fetchval("SELECT now()"), is_undelivered=False)
    tally = Tally()
    async for page in _pages(resources, window, after=None):
        await _ingest_page(resources, page, tally)
        if page.events:
            on_page(page.events[-1].created, tally)
    await _adopt_open_sessions(resources, tally)
    _log("replay.finished", tally)
    return tally


def _log(event: str, tally: Tally) -> None:
    counts = {name: count for name, count in asdict(tally).items() if name != "oldest_failed"}
    write = log.warning if any(count for name, count in counts.items() if name != "read") else log.info
    write(event, **counts)


async def _pages(resources: Resources, window: Window, *, after: str | None) -> AsyncIterator[EventPage]:
    """Yield all pages of a window, newest first; a cursor that Stripe does not know any more begins it anew."""
    while True:
        try:
            page = await resources.stripe.page_of_events(window, after=after)
        except StripeRefused:
            if after is None:
                raise
            log.warning("reconcile.began_anew", after=after)
            after = None
            continue
        yield page
        after = page.next_after
        if after is None:
            return


async def _ingest_page(resources: Resources, page: EventPage, tally: Tally) -> None:
    tally.unreadable += page.unreadable
    tally.read += len(page.events)
    stored = await find_received(resources.database, [event.id for event in page.events])
    for event in reversed(page.events):
        if event.id not in stored:
            await _ingest_one(resources, event, tally)


async def _ingest_one(resources: Resources, event: StripeEvent, tally: Tally) -> None:
    """Ingest one event, which holds up no other when it fails. Raises DatabaseUnavailable."""
    try:
        outcome = await _ingest_or_adopt(resources, event, tally)
    except DatabaseUnavailable:
        raise
    except InvalidEvent:
        tally.unreadable += 1
        log.warning("reconcile.event_unreadable", stripe_event=event.id, type=event.type)
    except PaymentsError as error:
        tally.failed += 1
        tally.oldest_failed = min(event.created, tally.oldest_failed or event.created)
        log.warning("reconcile.event_failed", stripe_event=event.id, type=event.type, code=error.code)
    else:
        if outcome == "recorded":
            tally.repaired += 1
            REPAIRS.labels("event").inc()


async def _ingest_or_adopt(resources: Resources, event: StripeEvent, tally: Tally) -> ingest.Outcome:
    """Ingest one event; what it is about is adopted first when it is missing here."""
    try:
        return await ingest.ingest(resources, event)
    except RecoveryPending as missing:
        adopted = await adopt(resources, missing.extensions["stripe_id"])
    if adopted is None:
        tally.unknown += 1
        await ingest.ignore(resources, event)
        return "ignored"
    tally.adopted += 1
    return await ingest.ingest(resources, event)


async def _adopt_open_sessions(resources: Resources, tally: Tally) -> None:
    """Bring back every Checkout Session of ours that can be paid and is missing here."""
    async for session in resources.stripe.checkout.list_open():
        ours = id_in(session.metadata, resources.settings.instance)
        if ours is None:
            continue
        lookup = PaymentIntentLookup(session.id, ours, is_checkout=True)
        if await find(resources.database, lookup) is None and await adopt(resources, session.id) is not None:
            tally.adopted += 1


async def adopt(resources: Resources, stripe_id: str) -> PaymentIntentState | None:
    """Bring back a PaymentIntent with all that belongs to it; None when it is not ours, or Stripe has none.

    Raises Unavailable.
    """
    try:
        snapshot = await adoption.retrieve(resources, stripe_id)
    except UnknownObject:
        snapshot = None
    row = await adoption.adopt(resources, snapshot) if snapshot is not None else None
    if row is None:
        log.warning("payment_intent.adoption_failed", stripe_id=stripe_id)
        return None
    REPAIRS.labels("adoption").inc()
    await sync_related(resources, row.id)
    return row
