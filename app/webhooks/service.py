"""Prove an event and take it in."""

from typing import Literal

import structlog
from structlog.contextvars import bind_contextvars

from app.db import queue
from app.errors import PaymentsError
from app.observability.metrics import LAST_EVENT, WEBHOOKS
from app.resources import Resources
from app.stripe_gateway import check_signature_form, verify
from app.webhooks.errors import RecoveryPending
from app.webhooks.event_batcher import EventBatcher
from app.webhooks.ingest import IncomingEvent, Outcome

log = structlog.get_logger()

# An event of the other mode (live or test) is none of ours: Stripe need not send it again.
WRONG_MODE: Literal["wrong_mode"] = "wrong_mode"


def check_signature(header: str) -> None:
    """Raise InvalidSignature for what can't be a signature of Stripe's, whatever the body is."""
    try:
        check_signature_form(header)
    except PaymentsError as error:
        _count(error.code)
        raise


async def receive(resources: Resources, batcher: EventBatcher, body: bytes, signature: str) -> Outcome:
    """Verify an event and take it in; the request's line in the log says which it was and what became of it.

    Raises InvalidSignature, InvalidEvent, SyncPending, or RecoveryPending: then a job brings back what it is about.
    """
    try:
        outcome = await _receive(resources, batcher, body, signature)
    except PaymentsError as error:
        _count(error.code)
        if isinstance(error, RecoveryPending):
            job = queue.job("adopt", is_repeat=True, stripe_id=error.extensions["stripe_id"])
            async with resources.database.transaction() as connection:
                await queue.enqueue(connection, [job])
        raise
    _count(outcome)
    return "ignored" if outcome == WRONG_MODE else outcome


async def _receive(
    resources: Resources, batcher: EventBatcher, body: bytes, signature: str
) -> Outcome | Literal["wrong_mode"]:
    settings = resources.settings
    event = verify(body, signature, settings.stripe_webhook_secret)
    LAST_EVENT.set_to_current_time()
    bind_contextvars(stripe_event=event.id, type=event.type, object_id=event.object_id)
    if event.is_live != (settings.mode == "live"):
        log.warning("event.of_other_mode", is_live=event.is_live, mode=settings.mode)
        return WRONG_MODE
    return await batcher.ingest(IncomingEvent.read(event, settings.instance))


def _count(outcome: str) -> None:
    bind_contextvars(outcome=outcome)
    WEBHOOKS.labels(outcome).inc()
