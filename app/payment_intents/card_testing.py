"""Card testing: who tries out stolen cards on one reference is stopped, at Stripe too.

The shopper holds the client secret already and can confirm at Stripe without us; only cancelling there ends it.
"""

from app.payment_intents.protocol.state import Change, PaymentIntentState, blocked_for

# Stripe's word for the reason.
REASON = "fraudulent"


def cancel_if_tested(change: Change, row: PaymentIntentState) -> None:
    """Request the cancel of a PaymentIntent whose reference has had its failed attempts; a job does it."""
    if not row.is_payable or blocked_for(change.state, row, change.context) is None:
        return
    row = change.put(row._replace(is_cancel_requested=True, cancel_reason=REASON))
    change.enqueue("recover", row)
