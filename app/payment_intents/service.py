"""What callers ask of a reference's PaymentIntent. Nothing is open while Stripe works."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.attempts import repository as attempts
from app.attempts.repository import AttemptHistory
from app.attempts.schemas import AttemptPage
from app.auth.access import Credential
from app.auth.api_keys import Caller
from app.auth.person import Requester
from app.db import queue
from app.http.pagination import Cursor, Page
from app.payment_intents import listing, repository
from app.payment_intents.convergence import context_at, converge
from app.payment_intents.errors import (
    AlreadyPaid,
    ChannelChanged,
    ClientSecretUnavailable,
    Moved,
    PaymentInProgress,
    PaymentIntentNotFound,
    PriceRefused,
    SyncPending,
    TooManyFailedAttempts,
)
from app.payment_intents.listing import Filters
from app.payment_intents.protocol.commands import PutTerms, Refresh
from app.payment_intents.protocol.record import record_disagreement
from app.payment_intents.protocol.reply import is_displaced, is_satisfied
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState, blocked_for, has_ended
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.repository import Read
from app.payment_intents.requests import PaymentIntentName
from app.payment_intents.schemas import PaymentIntentPage, PaymentIntentRead
from app.resources import Resources
from app.stripe_gateway import CheckoutSessionSnapshot, PaymentIntentSnapshot
from app.stripe_gateway.errors import UnknownObject

# A caller makes us ask Stripe about one reference at most once in this time.
ASK_AGAIN_AFTER = timedelta(seconds=2)

NO_ATTEMPTS = AttemptHistory()


@dataclass(frozen=True, slots=True)
class PaymentIntentView:
    """A PaymentIntent as of now, with what was tried on it."""

    row: PaymentIntentState
    attempts: AttemptHistory
    is_created: bool = False
    client_secret: str | None = None


def actor_of(caller: Credential | Requester) -> Actor:
    return Actor(caller.actor)


async def put(resources: Resources, reference: Reference, command: PutTerms, caller: Caller) -> PaymentIntentView:
    """Commit what the reference owes now, bring Stripe to it, and answer with what Stripe then holds.

    Raises a Conflict when the reference's state does not allow it, or TooManyFailedAttempts (nothing is changed
    then), StripeRefused when Stripe said no (the reference stays as it was), or Unavailable (send it again).
    """
    wanted = command.terms
    row, run = await converge(resources, reference, command, actor_of(caller), wants_secret=True)
    if not is_satisfied(row, wanted):
        raise AlreadyPaid if row.status == "succeeded" else PaymentInProgress
    if run.revision is not None and is_displaced(row, wanted, run.revision):
        raise SyncPending
    if row.is_payable and row.is_checkout != (wanted.checkout is not None):
        raise ChannelChanged
    secret = resources.stripe.client_secret(row.object_id) if row.object_id and row.is_payable else None
    if row.is_payable and secret is None:
        raise SyncPending
    found = await view(resources, row, is_created=run.is_first, client_secret=secret)
    if secret and (row.generation > 1 or found.attempts.failed >= resources.settings.max_failed_attempts):
        await _refuse_if_blocked(resources, reference)  # attempts may have failed while this was on its way
    return found


async def view(
    resources: Resources, row: PaymentIntentState, *, is_created: bool = False, client_secret: str | None = None
) -> PaymentIntentView:
    """Add to a PaymentIntent what was tried on it."""
    histories = await attempts.summarize(resources.database, [row.id]) if row.attempt_notifications else {}
    return PaymentIntentView(row, histories.get(row.id, NO_ATTEMPTS), is_created, client_secret)


async def views(resources: Resources, rows: Sequence[PaymentIntentState]) -> list[PaymentIntentRead]:
    """Return PaymentIntents as callers read them, each with what was tried on it."""
    tried = [row.id for row in rows if row.attempt_notifications]
    histories = await attempts.summarize(resources.database, tried) if tried else {}
    return [PaymentIntentRead.of(row, histories.get(row.id, NO_ATTEMPTS), resources.settings) for row in rows]


async def list_payment_intents(resources: Resources, filters: Filters, page: Page) -> PaymentIntentPage:
    """List the PaymentIntents that fit all filters."""
    rows = await listing.list_payment_intents(resources.database, filters, page)
    data, following = rows[: page.limit], rows[page.limit :]
    return PaymentIntentPage(
        data=await views(resources, data),
        next_cursor=Cursor(data[-1].paid_at or data[-1].created_at, data[-1].id).encode() if following else None,
    )


async def list_generations(resources: Resources, reference: Reference, page: Page) -> PaymentIntentPage:
    """List the PaymentIntents of one reference, also of a session that moved. Raises PaymentIntentNotFound."""
    found = await list_payment_intents(resources, Filters(reference=reference), page)
    if not found.data and page.after is None:
        raise PaymentIntentNotFound
    return found


async def find_payment_intent(resources: Resources, name: str) -> PaymentIntentRead:
    """Return a PaymentIntent by our id, Stripe's, or that of one of its Charges. Raises PaymentIntentNotFound."""
    row = await listing.find_payment_intent(resources.database, name)
    if row is None:
        raise PaymentIntentNotFound("There is no PaymentIntent with this id.")
    [found] = await views(resources, [row])
    return found


async def read(resources: Resources, reference: Reference) -> PaymentIntentView:
    """Return the reference's newest PaymentIntent as it is here. Raises PaymentIntentNotFound or Moved."""
    return await view(resources, newest(await _read(resources, reference)))


async def sync(resources: Resources, reference: Reference, caller: Credential) -> PaymentIntentView:
    """Ask Stripe first, unless a caller had us ask a moment ago. Raises what `read` does, or Unavailable."""
    row, _ = await converge(resources, reference, Refresh(ASK_AGAIN_AFTER), actor_of(caller))
    return await view(resources, row)


async def client_secret(resources: Resources, reference: Reference) -> tuple[PaymentIntentState, str]:
    """Return the PaymentIntent with what the shopper's browser needs to pay it, from memory or from Stripe.

    That is the address of the page if Stripe hosts its Checkout Session.

    Raises PaymentIntentNotFound, TooManyFailedAttempts, ClientSecretUnavailable when it can't be paid (any more),
    PriceRefused when Stripe holds another price than the newest,
    SyncPending while Stripe does not hold the newest request, StripeUnavailable.
    """
    found = await _read(resources, reference)
    row = newest(found)
    _check_not_blocked(resources, found, row)
    if row.closed_at is not None or (row.status is not None and not row.is_payable):
        raise ClientSecretUnavailable
    if row.object_id is None or not row.is_synced:
        raise SyncPending
    if row.is_price_refused:
        raise PriceRefused
    secret = resources.stripe.client_secret(row.object_id)
    if secret is not None and row.recheck_after is None and not has_ended(row, found.now):
        return row, secret
    try:
        snapshot = await _retrieve(resources, row, row.object_id)  # a late request may have arrived
    except UnknownObject:
        await converge(resources, reference, Refresh(), Actor("sync"))  # closes it if it is gone
        raise ClientSecretUnavailable from None
    secret = resources.stripe.client_secret(row.object_id)
    if snapshot.status != row.status or snapshot.amount != row.amount or secret is None:
        await _record_disagreement(resources, reference, snapshot)
        raise SyncPending
    return row, secret


async def _retrieve(
    resources: Resources, row: PaymentIntentState, object_id: str
) -> PaymentIntentSnapshot | CheckoutSessionSnapshot:
    stripe = resources.stripe
    return await (stripe.checkout.retrieve if row.is_checkout else stripe.retrieve_payment_intent)(object_id)


async def _record_disagreement(
    resources: Resources, reference: Reference, snapshot: PaymentIntentSnapshot | CheckoutSessionSnapshot
) -> None:
    """Record what disagrees with our row; a job asks Stripe under the row's lease."""
    found = await _read(resources, reference)
    row = found.state.newest
    if row is None or row.object_id != snapshot.id:
        return
    change = Change(found.state, context_at(resources, found), Actor("sync"))
    record_disagreement(change, row, snapshot)
    async with resources.database.connection() as connection:
        if not await repository.write(connection, change):  # somebody else writes: their state is newer
            await queue.enqueue(connection, [queue.job("recover", payment_intent_id=row.id)])


async def list_attempts(resources: Resources, reference: Reference, page: Page) -> AttemptPage:
    """List the attempts on all of the reference's PaymentIntents. Raises PaymentIntentNotFound or Moved."""
    newest(await _read(resources, reference))
    return await attempts.list_attempts(resources.database, reference, page)


async def named(resources: Resources, reference: Reference, name: PaymentIntentName | None) -> UUID:
    """Return the id of the PaymentIntent that the caller names, by our id or Stripe's, or else of the newest.

    Raises PaymentIntentNotFound or Moved.
    """
    row = newest(await _read(resources, reference))
    if name is None:
        return row.id
    found = await repository.read_generations(resources.database, reference)
    rows = found.state.payment_intents if found else ()
    for each in rows:
        if name.lower() == str(each.id) or name in (each.stripe_id, each.checkout_id):
            return each.id
    raise PaymentIntentNotFound


async def _read(resources: Resources, reference: Reference) -> Read:
    return await repository.read(resources.database, reference, threshold=resources.settings.max_failed_attempts)


def newest(found: Read) -> PaymentIntentState:
    """Return the newest PaymentIntent of what was read. Raises Moved or PaymentIntentNotFound."""
    if found.state.moved_to is not None:
        raise Moved(cart_id=found.state.moved_to)
    if found.state.newest is None:
        raise PaymentIntentNotFound
    return found.state.newest


async def _refuse_if_blocked(resources: Resources, reference: Reference) -> None:
    """Raise TooManyFailedAttempts if the reference has had its failed attempts by now."""
    found = await _read(resources, reference)
    if found.state.newest is not None:
        _check_not_blocked(resources, found, found.state.newest)


def _check_not_blocked(resources: Resources, found: Read, row: PaymentIntentState) -> None:
    rest = blocked_for(found.state, row, context_at(resources, found))
    if rest is not None:
        raise TooManyFailedAttempts(retry_after=rest.total_seconds())
