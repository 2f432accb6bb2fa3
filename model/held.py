"""Whether what Stripe holds is what was asked for."""

from dataclasses import replace

from app.payment_intents.protocol.checkout import CheckoutTerms, LineItem
from app.payment_intents.protocol.terms import PaymentTerms
from model.state import RETURN_URL, SUM, Intent


def terms_held(intent: Intent) -> PaymentTerms:
    terms = PaymentTerms(intent.amount, intent.currency, customer=intent.customer, description=intent.description)
    if intent.checkout is None:
        return terms
    return replace(terms, checkout=CheckoutTerms(intent.ui_mode, RETURN_URL, (LineItem(intent.item, intent.amount),)))


def fit(wanted: PaymentTerms, held: PaymentTerms) -> bool:
    """Whether all that is wanted is held; what that leaves out stays at Stripe, since it can't be unset."""
    texts = ((wanted.description, held.description), (wanted.customer, held.customer))
    is_same = wanted.amount == held.amount and _is_same_page(wanted.checkout, held.checkout)
    return is_same and all(one in (None, other) for one, other in texts)


def _is_same_page(wanted: CheckoutTerms | None, held: CheckoutTerms | None) -> bool:
    """Whether both are the same channel, and sessions for the same; of what was only read, the sum is known."""
    if wanted is None or held is None:
        return wanted is held
    is_for_the_same = wanted.line_items[0].name in (SUM, held.line_items[0].name)
    return wanted.ui_mode == held.ui_mode and is_for_the_same
