"""What callers ask of a reference's PaymentIntent. No transaction is open while Stripe works."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.attempts import repository as attempts
from app.attempts.schemas import AttemptPage, AttemptRead, AttemptSummary
from app.auth.access import Credential
from app.auth.api_keys import Caller
from app.db import queue
from app.domain_events.repository import Actor
from app.http.pagination import Cursor, Page
from app.payment_intents import card_testing, content, recording, repository
from app.payment_intents.convergence import converge
from app.payment_intents.errors import (
    AlreadyPaid,
    CartVersionConflict,
    ClientSecretUnavailable,
    Moved,
    PaymentInProgress,
    PaymentIntentNotFound,
    PreviousPaymentIntentMismatch,
    StaleCartVersion,
    SyncPending,
)
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Run
from app.payment_intents.recording import Door
from app.payment_intents.schemas import PaymentIntentPut
from app.references.models import PaymentReference, Reference
from app.resources import Resources
from app.stripe_gateway import PaymentIntentSnapshot

# A caller makes us ask Stripe about one reference at most once in this time.
ASK_AGAIN_AFTER = timedelta(seconds=2)

NO_ATTEMPTS = AttemptSummary(count=0, failed=0, last=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A row as of now, with what was tried on it."""

    row: PaymentIntent
    attempts: AttemptSummary
    is_created: bool = False
    client_secret: str | None = None


def actor_of(caller: Credential) -> Actor:
    return Actor(caller.actor)


async def put(resources: Resources, reference: Reference, params: PaymentIntentPut, caller: Caller) -> Answer:
    """Commit what the reference owes now, bring Stripe to it, and answer with what Stripe then holds.

    Raises a Conflict when the reference's state does not allow it, or TooManyFailedAttempts (nothing is changed
    then), StripeRefused when Stripe said no (the reference stays as it was), or Unavailable (send it again).
    """
    max_failed = resources.settings.max_failed_attempts
    wanted = params.content()
    run = Run(actor_of(caller), wants_secret=True)
    declare = partial(_request, params=params, wanted=wanted, run=run, max_failed=max_failed)
    row = await converge(resources, reference, run, declare)
    if not _is_satisfied(row, wanted):
        raise AlreadyPaid if row.status == "succeeded" else PaymentInProgress
    if run.revision is not None and _is_displaced(row, wanted, run.revision):
        raise SyncPending
    secret = resources.stripe.client_secret(row.stripe_id) if row.stripe_id and row.is_payable else None
    if row.is_payable and secret is None:
        raise SyncPending
    told = await answer(resources, row, is_created=run.is_first, client_secret=secret)
    # Attempts may have failed while this was on its way.
    if secret and (row.generation > 1 or told.attempts.failed >= max_failed):
        async with resources.sessions() as session:
            await card_testing.refuse_if_tested(session, row, max_failed)
    return told


async def answer(
    resources: Resources, row: PaymentIntent, *, is_created: bool = False, client_secret: str | None = None
) -> Answer:
    """Add to a row what was tried on it."""
    summary = NO_ATTEMPTS
    if row.attempts_told:
        async with resources.sessions() as session:
            summary = await attempts.summarize(session, row.id)
    return Answer(row, summary, is_created, client_secret)


async def _request(
    door: Door,
    row: PaymentIntent | None,
    *,
    params: PaymentIntentPut,
    wanted: dict[str, Any],
    run: Run,
    max_failed: int,
) -> tuple[PaymentIntent, bool]:
    """PUT of the protocol, under the lock: write the request and give the run its revision, or leave all as it is."""
    previous = params.previous_payment_intent
    if row is not None and card_testing.may_be_tested(row, max_failed):
        await card_testing.refuse_if_tested(door.session, row, max_failed)
    _check_fence(door.reference, row, wanted)
    if row is not None and row.status == "succeeded" and row.closed_at is None and previous != row.id:
        _check_follows(row, previous)
        return row, False
    if row is not None and row.is_frozen and not (row.needs_sync or row.check_at or row.lease_token):
        return row, False
    run.revision = row.revision + 1 if row else 1
    if row is not None and row.is_open:
        _check_follows(row, previous)
        return _revise(door, row, wanted, run.revision), True
    if row is not None and row.status == "succeeded" and previous == row.id:
        recording.close(door, row, "followed")
    else:
        _check_follows(row, previous)
    follows = previous or (row.previous_id if row else None)  # a closed one's successor follows what it followed
    return recording.open_next(door, requested=wanted, revision=run.revision, previous_id=follows), True


def _check_fence(reference: PaymentReference, row: PaymentIntent | None, wanted: dict[str, Any]) -> None:
    """Refuse a request about an older state of the cart than the recorded one. Raises a Conflict."""
    recorded = row.requested if row is not None and not row.is_unmade else None
    versions = [reference.cart_version, recorded["cart_version"] if recorded else None]
    newest = max((version for version in versions if version is not None), default=None)
    if newest is None:
        return
    if wanted["cart_version"] is None or wanted["cart_version"] < newest:
        raise StaleCartVersion(recorded_cart_version=newest)
    if recorded and wanted["cart_version"] == recorded["cart_version"] and not content.same_price(wanted, recorded):
        raise CartVersionConflict(recorded_amount=recorded["amount"], recorded_currency=recorded["currency"])


def _check_follows(row: PaymentIntent | None, previous: uuid.UUID | None) -> None:
    if previous is not None and (row is None or previous != row.previous_id):
        raise PreviousPaymentIntentMismatch


def _revise(door: Door, row: PaymentIntent, wanted: dict[str, Any], revision: int) -> PaymentIntent:
    if wanted != row.requested:
        told = {name: wanted[name] for name in ("amount", "currency", "cart_version")}
        door.append(row, "payment_intent.requested", revision=revision, **told)
    row.requested, row.revision, row.is_rolled_back, row.touched_at = wanted, revision, False, door.now
    return row


def _is_satisfied(row: PaymentIntent, wanted: dict[str, Any]) -> bool:
    """Tell whether a row that can't be changed any more is what was wanted; one that can be, is by now."""
    held = row.applied or {}
    if row.status == "succeeded":
        return content.same_price(held, wanted)
    if row.is_frozen:
        return content.agree(held, wanted | {"cart_version": held.get("cart_version")})
    return True


def _is_displaced(row: PaymentIntent, wanted: dict[str, Any], revision: int) -> bool:
    """Tell whether a newer request took this one's place and was given up itself: Stripe never held either."""
    held = row.applied or {}
    is_given_up = row.is_rolled_back or not content.agree(held, row.requested)
    is_older = held.get("revision", 0) < revision and not content.agree(held, wanted)
    return row.is_payable and is_given_up and is_older


async def read(resources: Resources, reference: Reference) -> Answer:
    """Give the reference's newest PaymentIntent as it is here. Raises PaymentIntentNotFound or Moved."""
    async with resources.sessions() as session:
        row = await newest(session, reference)
        return Answer(row, await attempts.summarize(session, row.id) if row.attempts_told else NO_ATTEMPTS)


async def sync(resources: Resources, reference: Reference, caller: Credential) -> Answer:
    """Ask Stripe first, unless a caller had us ask a moment ago. Raises what `read` does, or Unavailable."""
    run = Run(actor_of(caller))
    row = await converge(resources, reference, run, partial(ask, again_after=ASK_AGAIN_AFTER))
    return await answer(resources, row)


async def ask(
    door: Door, row: PaymentIntent | None, *, again_after: timedelta | None = None
) -> tuple[PaymentIntent, bool]:
    """Declare that Stripe must be asked how an open PaymentIntent stands. Raises PaymentIntentNotFound."""
    if row is None:
        raise PaymentIntentNotFound
    was_asked = again_after is not None and row.asked_at is not None and row.asked_at > door.now - again_after
    if not row.is_open or was_asked:
        return row, False
    row.needs_sync, row.asked_at = True, door.now
    row.version += 1  # an answer that is on its way was given before
    return row, True


async def client_secret(resources: Resources, reference: Reference) -> str:
    """Give what the shopper's browser needs to pay, from memory or from Stripe.

    Raises PaymentIntentNotFound, TooManyFailedAttempts, ClientSecretUnavailable when it can't be paid (any more),
    SyncPending while Stripe does not hold the newest request, StripeUnavailable.
    """
    async with resources.sessions() as session:
        row = await newest(session, reference)
        max_failed = resources.settings.max_failed_attempts
        if card_testing.may_be_tested(row, max_failed):
            await card_testing.refuse_if_tested(session, row, max_failed)
    if row.closed_at is not None or (row.status is not None and not row.is_payable):
        raise ClientSecretUnavailable
    if row.stripe_id is None or not row.is_synced:
        raise SyncPending
    secret = resources.stripe.client_secret(row.stripe_id)
    if secret is not None and row.check_at is None:
        return secret
    snapshot = await resources.stripe.retrieve_payment_intent(row.stripe_id)  # a late request may have landed
    secret = resources.stripe.client_secret(row.stripe_id)
    if snapshot.status != row.status or snapshot.amount != row.amount or secret is None:
        await _look_closer(resources, reference, snapshot)
        raise SyncPending
    return secret


async def _look_closer(resources: Resources, reference: Reference, snapshot: PaymentIntentSnapshot) -> None:
    """Pass on what disagrees with our row; a job asks Stripe under the row's lease."""
    async with resources.sessions.begin() as session:
        door, row = await recording.open_door(session, reference, Actor("sync"), resources.settings.instance)
        if row is not None and row.stripe_id == snapshot.id:
            row.needs_sync = row.is_open
            await recording.record_hint(door, row, snapshot)
            await queue.enqueue(session, "converge", payment_intent_id=row.id)


async def list_attempts(resources: Resources, reference: Reference, page: Page) -> AttemptPage:
    """List the attempts on all of the reference's PaymentIntents. Raises PaymentIntentNotFound or Moved."""
    async with resources.sessions() as session:
        await newest(session, reference)
        rows = await repository.list_attempts(session, reference, after=page.after, limit=page.limit + 1)
    data, following = rows[: page.limit], rows[page.limit :]
    return AttemptPage(
        data=[AttemptRead.model_validate(row) for row in data],
        next_cursor=Cursor(data[-1].attempted_at, data[-1].id).encode() if following else None,
    )


async def newest(session: AsyncSession, reference: Reference) -> PaymentIntent:
    """Give the reference's newest PaymentIntent. Raises Moved or PaymentIntentNotFound."""
    row, cart_id = await repository.read_newest(session, reference)
    if cart_id is not None:
        raise Moved(cart_id=cart_id)
    if row is None:
        raise PaymentIntentNotFound
    return row
