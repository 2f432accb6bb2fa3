"""Move a session's PaymentIntent to a cart: the guest logged in, and pays what they had begun to pay."""

import asyncio
import time
from dataclasses import dataclass

from app.auth.api_keys import Caller
from app.domain_events.repository import Actor
from app.payment_intents import recording, service
from app.payment_intents.convergence import LONGEST_PAUSE, converge
from app.payment_intents.errors import CartHasPaymentIntent, Moved, PaymentIntentNotFound, SyncPending
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Run
from app.payment_intents.recording import Door
from app.payment_intents.service import Answer, actor_of
from app.references.models import Reference
from app.resources import Resources


@dataclass(frozen=True, slots=True)
class Route:
    """From a session to a cart. They are locked in this order everywhere, so that no two moves block each other."""

    session: Reference
    cart: Reference


async def move(resources: Resources, reference: Reference, cart_id: str, caller: Caller) -> Answer:
    """Give the session's PaymentIntent to the cart, as the cart's next generation; moved already is done.

    Its metadata at Stripe follows. Webhooks find it wherever it is; events keep the reference that they were
    written under. Raises PaymentIntentNotFound, CartHasPaymentIntent, Moved (to another cart), SyncPending.
    """
    route = Route(reference, Reference("cart", cart_id))
    deadline = time.monotonic() + resources.settings.converge_deadline.total_seconds()
    while not await _moved(resources, route, actor_of(caller)):
        if time.monotonic() > deadline:
            raise SyncPending
        await asyncio.sleep(LONGEST_PAUSE)  # another writer works on it
    row = await converge(resources, route.cart, Run(actor_of(caller)), _newest)
    return await service.answer(resources, row)


async def _moved(resources: Resources, route: Route, actor: Actor) -> bool:
    """Move it now, unless a writer holds its lease."""
    instance = resources.settings.instance
    async with resources.sessions.begin() as session:
        origin, row = await recording.open_door(session, route.session, actor, instance)
        if origin.reference.moved_to == route.cart.id:
            return True
        if origin.reference.moved_to is not None:
            raise Moved(cart_id=origin.reference.moved_to)
        if row is None or row.closed_at is not None:
            raise PaymentIntentNotFound
        goal, occupant = await recording.open_door(session, route.cart, actor, instance)
        if occupant is not None and occupant.closed_at is None:
            raise CartHasPaymentIntent(payment_intent_id=str(occupant.id))
        if row.lease_until is not None and row.lease_until > origin.now:
            return False
        _hand_over(origin, goal, row, occupant)
        return True


def _hand_over(origin: Door, goal: Door, row: PaymentIntent, occupant: PaymentIntent | None) -> None:
    """Give the row to the cart, with a revision that is newer than any request which still waits there."""
    told = {"session_id": origin.reference.id, "cart_id": goal.reference.id}
    origin.append(row, "payment_intent.moved", **told)
    row.reference_kind, row.reference_id = goal.reference.kind, goal.reference.id
    row.generation = goal.reference.take_generation()
    row.revision = max(row.revision, occupant.revision if occupant else 0) + 1
    if row.is_payable and row.applied is not None:  # so that all of it is sent again, our marks with it
        row.applied = {"amount": row.applied["amount"], "currency": row.applied["currency"]}
    origin.reference.moved_to = goal.reference.id
    goal.append(row, "payment_intent.moved", **told)


async def _newest(_: Door, row: PaymentIntent | None) -> tuple[PaymentIntent, bool]:
    if row is None:
        raise PaymentIntentNotFound
    return row, row.is_open
