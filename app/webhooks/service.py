"""Prove an event and take it in."""

from structlog.contextvars import bind_contextvars

from app.db import queue
from app.errors import PaymentsError
from app.observability.metrics import WEBHOOKS
from app.resources import Resources
from app.stripe_gateway import verify
from app.webhooks.errors import RecoveryPending, WrongMode
from app.webhooks.event_batcher import EventBatcher
from app.webhooks.ingest import IncomingEvent, Outcome


async def receive(resources: Resources, batcher: EventBatcher, body: bytes, signature: str | None) -> Outcome:
    """Verify an event and take it in; the request's line in the log says which it was and what became of it.

    Raises InvalidSignature, InvalidEvent, WrongMode, SyncPending, or RecoveryPending, when a job brings back what it is
    about first.
    """
    settings = resources.settings
    event = verify(body, signature, settings.stripe_webhook_secret)
    if event.is_live != (settings.mode == "live"):
        raise WrongMode
    bind_contextvars(stripe_event=event.id, type=event.type, object_id=event.object_id)
    try:
        outcome = await batcher.ingest(IncomingEvent.read(event, settings.instance))
    except PaymentsError as error:
        bind_contextvars(outcome=error.code)
        if isinstance(error, RecoveryPending):
            job = queue.job("adopt", is_repeat=True, stripe_id=error.extensions["stripe_id"])
            async with resources.database.transaction() as connection:
                await queue.enqueue(connection, [job])
        raise
    bind_contextvars(outcome=outcome)
    WEBHOOKS.labels(outcome).inc()
    return outcome
