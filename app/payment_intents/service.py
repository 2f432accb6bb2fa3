"""What callers ask of a reference's PaymentIntent. Each owns its transactions; none is open while Stripe works."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.attempts import repository as attempts
from app.attempts.schemas import AttemptPage, AttemptRead, AttemptSummary
from app.auth.api_keys import Caller
from app.errors import (
    AlreadyPaid,
    CartVersionConflict,
    ClientSecretUnavailable,
    Moved,
    NotConverged,
    PaymentInProgress,
    PaymentIntentNotFound,
    PreviousPaymentIntentMismatch,
    StaleCartVersion,
)
from app.events.repository import Actor
from app.pages import Cursor, Page
from app.payment_intents import content, recording, repository
from app.payment_intents.converge import Convergence
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Done, Run, Step
from app.payment_intents.recording import Door
from app.payment_intents.schemas import PaymentIntentPut
from app.references.models import PaymentReference, Reference
from app.resources import Resources
from app.stripe_gateway import PaymentIntentSnapshot


@dataclass(frozen=True, slots=True)
class Answer:
    """A row as of now, with what was tried on it."""

    row: PaymentIntent
    attempts: AttemptSummary
    is_created: bool = False
    client_secret: str | None = None


def actor_of(caller: Caller) -> Actor:
    return Actor(f"client:{caller.client}")


async def put(resources: Resources, reference: Reference, params: PaymentIntentPut, caller: Caller) -> Answer:
    """Commit what the reference owes now, bring Stripe to it, and answer with what Stripe then holds.

    Raises a Conflict when the reference's state does not allow it (nothing is changed then), StripeRefused when
    Stripe said no (the reference stays as it was), or Unavailable (send the same request again).
    """
    wanted = params.content()
    run = Run(actor_of(caller), wants_secret=True)
    convergence = Convergence(resources, reference, run)
    async with resources.sessions.begin() as session:
        door, row = await recording.open_door(session, reference, run.actor, resources.settings.instance)
        _check_fence(door.reference, row, wanted)
        row = _request(door, row, params, wanted, run)
        step: Step = convergence.begin(door, row) if run.is_put else Done()
    if run.is_put:
        row = await convergence.finish(step)
    if not _is_satisfied(row, wanted):
        raise AlreadyPaid if row.status == "succeeded" else PaymentInProgress
    secret = resources.stripe.client_secret(row.stripe_id) if row.stripe_id and row.is_payable else None
    if row.is_payable and secret is None:
        raise NotConverged
    async with resources.sessions() as session:
        return Answer(row, await attempts.summarize(session, row.id), run.is_first, secret)


def _check_fence(reference: PaymentReference, row: PaymentIntent | None, wanted: dict[str, Any]) -> None:
    """Refuse a request about an older state of the cart than the recorded one. Raises a Conflict."""
    if reference.moved_to is not None:
        raise Moved(cart_id=reference.moved_to)
    recorded = row.requested if row is not None and row.closed_reason != "refused" else None
    versions = [reference.cart_version, recorded["cart_version"] if recorded else None]
    newest = max((version for version in versions if version is not None), default=None)
    if newest is None:
        return
    if wanted["cart_version"] is None or wanted["cart_version"] < newest:
        raise StaleCartVersion(recorded_cart_version=newest)
    if recorded and wanted["cart_version"] == recorded["cart_version"] and not content.same_price(wanted, recorded):
        raise CartVersionConflict(recorded_amount=recorded["amount"], recorded_currency=recorded["currency"])


def _request(
    door: Door, row: PaymentIntent | None, params: PaymentIntentPut, wanted: dict[str, Any], run: Run
) -> PaymentIntent:
    """PUT of the protocol, under the lock. Gives the run its revision, or none when nothing may be written."""
    previous = params.previous_payment_intent
    if row is not None and row.status == "succeeded" and row.closed_at is None and previous != row.id:
        _check_follows(row, previous)
        return row
    if row is not None and row.is_frozen and not (row.needs_sync or row.check_at or row.lease_token):
        return row
    run.revision = row.revision + 1 if row else 1
    if row is not None and row.is_open:
        _check_follows(row, previous)
        return _revise(door, row, wanted, run.revision)
    if row is not None and row.status == "succeeded":
        recording.close(door, row, "followed")
    return recording.open_next(door, requested=wanted, revision=run.revision, previous_id=previous)


def _check_follows(row: PaymentIntent, previous: uuid.UUID | None) -> None:
    if previous not in (None, row.previous_id):
        raise PreviousPaymentIntentMismatch


def _revise(door: Door, row: PaymentIntent, wanted: dict[str, Any], revision: int) -> PaymentIntent:
    if wanted != row.requested:
        told = {name: wanted[name] for name in ("amount", "currency", "cart_version")}
        door.append(row, "payment_intent.requested", revision=revision, **told)
    row.requested, row.revision, row.touched_at = wanted, revision, door.now
    return row


def _is_satisfied(row: PaymentIntent, wanted: dict[str, Any]) -> bool:
    """Tell whether a row that can't be changed any more is what was wanted; one that can be, is by now."""
    held = row.applied or {}
    if row.status == "succeeded":
        return content.same_price(held, wanted)
    if row.is_frozen:
        return content.agree(held, wanted | {"cart_version": held.get("cart_version")})
    return True


async def converge(resources: Resources, payment_intent_id: uuid.UUID) -> None:
    """Bring a PaymentIntent's reference to agreement with Stripe, as a job does: with no request of its own.

    Raises what Stripe's outcome was if not agreement: the job is then done again.
    """
    async with resources.sessions() as session:
        reference = (await repository.get(session, payment_intent_id)).reference
    run = Run(Actor("job:converge"))
    convergence = Convergence(resources, reference, run)
    async with resources.sessions.begin() as session:
        door, newest = await recording.open_door(session, reference, run.actor, resources.settings.instance)
        row = await repository.get(session, payment_intent_id)
        is_newest = newest is not None and newest.id == row.id
        step: Step = convergence.begin(door, row) if is_newest and row.is_open else Done()
        late = row.stripe_id if row.closed_at is not None and row.status != "succeeded" else None
    await convergence.finish(step)
    if late is not None:
        await _take_late_success(resources, reference, payment_intent_id, late)


async def _take_late_success(
    resources: Resources, reference: Reference, payment_intent_id: uuid.UUID, stripe_id: str
) -> None:
    """Ask Stripe about a row that we hold as closed."""
    snapshot = await resources.stripe.retrieve_payment_intent(stripe_id)
    actor = Actor("job:converge", snapshot.request_id)
    async with resources.sessions.begin() as session:
        door, _ = await recording.open_door(session, reference, actor, resources.settings.instance)
        recording.record_late_success(door, await repository.get(session, payment_intent_id), snapshot)


async def read(resources: Resources, reference: Reference) -> Answer:
    """Give the reference's newest PaymentIntent as it is here. Raises PaymentIntentNotFound."""
    async with resources.sessions() as session:
        row = await _newest(session, reference)
        return Answer(row, await attempts.summarize(session, row.id))


async def client_secret(resources: Resources, reference: Reference) -> str:
    """Give what the shopper's browser needs to pay, from memory or from Stripe.

    Raises PaymentIntentNotFound, ClientSecretUnavailable when it can't be paid (any more), NotConverged while
    Stripe does not hold the newest request, StripeUnavailable.
    """
    async with resources.sessions() as session:
        row = await _newest(session, reference)
    if row.status is not None and not row.is_payable:
        raise ClientSecretUnavailable
    if row.stripe_id is None or not row.is_converged:
        raise NotConverged
    if secret := resources.stripe.client_secret(row.stripe_id):
        return secret
    snapshot = await resources.stripe.retrieve_payment_intent(row.stripe_id)
    if snapshot.status != row.status or snapshot.amount != row.amount:
        await _look_closer(resources, reference, snapshot)
        raise NotConverged
    return resources.stripe.client_secret(row.stripe_id) or _unavailable()


async def list_attempts(resources: Resources, reference: Reference, page: Page) -> AttemptPage:
    """List the attempts on all of the reference's PaymentIntents. Raises PaymentIntentNotFound."""
    async with resources.sessions() as session:
        await _newest(session, reference)
        rows = await repository.list_attempts(session, reference, after=page.after, limit=page.limit + 1)
    data, following = rows[: page.limit], rows[page.limit :]
    return AttemptPage(
        data=[AttemptRead.model_validate(row) for row in data],
        next_cursor=Cursor(data[-1].attempted_at, data[-1].id).encode() if following else None,
    )


def _unavailable() -> str:
    raise ClientSecretUnavailable


async def _look_closer(resources: Resources, reference: Reference, snapshot: PaymentIntentSnapshot) -> None:
    """Pass on what disagrees with our row; a job asks Stripe under the row's lease."""
    async with resources.sessions.begin() as session:
        door, row = await recording.open_door(session, reference, Actor("sync"), resources.settings.instance)
        if row is not None:
            row.needs_sync = row.is_open
            await recording.record_hint(door, row, snapshot)
            await jobs.enqueue(session, "converge", payment_intent_id=row.id)


async def _newest(session: AsyncSession, reference: Reference) -> PaymentIntent:
    row, _ = await repository.newest_and_now(session, reference)
    if row is None:
        raise PaymentIntentNotFound
    return row
