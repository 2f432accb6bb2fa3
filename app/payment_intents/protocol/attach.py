"""Attach a session's PaymentIntent to a cart: the guest logged in, and pays what they had begun to pay."""

from dataclasses import dataclass, replace
from typing import TypeAlias

from app.payment_intents.protocol.events import PaymentAttachedToCart
from app.payment_intents.protocol.state import Actor, Change, Context, PaymentIntentState, ReferenceState
from app.payment_intents.protocol.steps import Done, Rejected, Wait


@dataclass(frozen=True, slots=True)
class SessionToCart:
    """The changes of the two references; both are written, or none."""

    session: Change
    cart: Change


Attachment: TypeAlias = SessionToCart | Done | Wait | Rejected


def attach(
    session: ReferenceState, cart: ReferenceState, context: Context, actor: Actor, *, cart_version: int | None = None
) -> Attachment:
    """Attach the session's PaymentIntent now, unless a writer holds its lease; attached already is done.

    The session's versions count for the session alone. With `cart_version`, its price is that of this version.
    """
    if session.moved_to == cart.reference.id:
        return Done()
    if session.moved_to is not None:
        return Rejected("moved", {"cart_id": session.moved_to})
    row, occupant = session.newest, cart.newest
    if row is None or row.closed_at is not None:
        return Rejected("payment_intent_not_found")
    if occupant is not None and occupant.closed_at is None:
        return Rejected("cart_has_payment_intent", {"payment_intent_id": str(occupant.id)})
    recorded = cart.newest_cart_version
    if cart_version is not None and recorded is not None and cart_version < recorded:
        return Rejected("stale_cart_version", {"recorded_cart_version": recorded})
    if row.lease_until is not None and row.lease_until > context.now:
        return Wait()
    changes = SessionToCart(Change(session, context, actor), Change(cart, context, actor))
    _move(changes, row._replace(requested_terms=replace(row.requested_terms, cart_version=cart_version)), occupant)
    return changes


def _move(changes: SessionToCart, row: PaymentIntentState, occupant: PaymentIntentState | None) -> None:
    """Make it the cart's next generation, with a revision that is newer than any request which still waits there."""
    session, cart = changes.session, changes.cart
    attached = PaymentAttachedToCart(session_id=session.state.reference.id, cart_id=cart.state.reference.id)
    session.append(row, attached)
    session.detach(row, cart.state.reference.id)
    generation = cart.state.next_generation
    cart.state = cart.state._replace(next_generation=generation + 1)
    applied = row.applied_terms
    if applied is not None:
        applied = replace(applied, terms=replace(applied.terms, cart_version=row.requested_terms.cart_version))
    if row.is_payable and applied is not None:  # so that our metadata is sent again
        applied = replace(applied, revision=None, is_of_session=True)
    row = cart.touch(
        row._replace(
            reference=cart.state.reference,
            generation=generation,
            revision=max(row.revision, occupant.revision if occupant else 0) + 1,
            applied_terms=applied,
        )
    )
    cart.append(row, attached)
