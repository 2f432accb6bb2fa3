"""Attach a session's PaymentIntent to a cart: the guest logged in, and pays what they had begun to pay."""

import asyncio
import time

from app.auth.api_keys import Caller
from app.payment_intents import repository, service
from app.payment_intents.convergence import LONGEST_PAUSE, context_at, converge
from app.payment_intents.errors import REJECTIONS, SyncPending
from app.payment_intents.protocol import attach as protocol
from app.payment_intents.protocol.commands import Resume
from app.payment_intents.protocol.state import Actor
from app.payment_intents.protocol.steps import Done, Rejected, Wait
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import MoveRequest
from app.payment_intents.service import PaymentIntentView, actor_of
from app.references.repository import compare_and_set, insert_missing
from app.resources import Resources


async def attach_to_cart(
    resources: Resources, session: Reference, params: MoveRequest, caller: Caller
) -> PaymentIntentView:
    """Make the session's PaymentIntent the cart's next generation; attached already is done.

    Its metadata at Stripe follows. Webhooks find it wherever it is; events keep the reference that they were
    written under. Raises PaymentIntentNotFound, CartHasPaymentIntent, StaleCartVersion, Moved (to another cart),
    SyncPending.
    """
    cart, actor = Reference("cart", params.cart_id), actor_of(caller)
    deadline = time.monotonic() + resources.settings.converge_deadline.total_seconds()
    while not await _is_attached(resources, session, cart, actor, params.cart_version):
        if time.monotonic() > deadline:
            raise SyncPending
        await asyncio.sleep(LONGEST_PAUSE)  # another writer works on it
    row, _ = await converge(resources, cart, Resume(), actor)
    return await service.view(resources, row)


async def _is_attached(
    resources: Resources, session: Reference, cart: Reference, actor: Actor, cart_version: int | None
) -> bool:
    """Attach it now, unless a writer holds its lease or was faster; whether it is attached."""
    limit = resources.settings.max_failed_attempts
    async with resources.database.connection() as connection:
        origin = await repository.read(connection, session, threshold=limit)
        goal = await repository.read(connection, cart, threshold=limit)
        context = context_at(resources, origin)
        attachment = protocol.attach(origin.state, goal.state, context, actor, cart_version=cart_version)
        if isinstance(attachment, Rejected):
            raise REJECTIONS[attachment.reason](**attachment.facts)
        if isinstance(attachment, Done | Wait):
            return isinstance(attachment, Done)
        if goal.state.version == 0:
            await insert_missing(connection, cart)
            return False
        writes = [repository.writes_of(change) for change in (attachment.session, attachment.cart)]
        return bool(await compare_and_set(connection, writes, "all"))
