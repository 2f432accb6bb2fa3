"""Whether what a PUT's run left is what the caller asked for."""

from dataclasses import replace

from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.terms import PaymentTerms


def is_satisfied(row: PaymentIntentState, wanted: PaymentTerms) -> bool:
    """Whether a PaymentIntent that can't be changed any more is what was wanted; one that can be, is by now."""
    applied = row.applied_terms
    if row.status == "succeeded":
        return applied is not None and applied.terms.price == wanted.price
    if row.is_frozen:
        if applied is None:
            return False
        return applied.covers(replace(wanted, cart_version=applied.terms.cart_version))
    return True


def is_displaced(row: PaymentIntentState, wanted: PaymentTerms, revision: int) -> bool:
    """Whether a newer request took this one's place and was given up itself: Stripe never held either."""
    applied = row.applied_terms
    if applied is None:
        return row.is_payable
    is_given_up = row.is_rolled_back or not applied.covers(row.requested_terms)
    is_older = (applied.revision or 0) < revision and not applied.covers(wanted)
    return row.is_payable and is_given_up and is_older
