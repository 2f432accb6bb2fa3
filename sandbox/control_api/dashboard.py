"""What a person does in Stripe's Dashboard: the same as the API, but no request of ours caused it."""

from sandbox.account import Account
from sandbox.disputes import change_dispute
from sandbox.payment_intents.cancel import cancel_intent, check_cancelable
from sandbox.refunds import refund_charge, refundable_charge
from sandbox.store import JsonObject


def cancel_payment_intent(account: Account, intent: JsonObject, reason: str | None) -> JsonObject:
    check_cancelable(account, intent)
    return cancel_intent(account, intent, reason)


def refund_payment_intent(account: Account, intent: JsonObject, amount: int | None, reason: str | None) -> JsonObject:
    charge = refundable_charge(account, intent)
    return refund_charge(account, charge, amount, reason=reason or "requested_by_customer", metadata={})


def submit_evidence(account: Account, dispute: JsonObject, text: str) -> JsonObject:
    return change_dispute(account, dispute, {"evidence": {"uncategorized_text": text}, "submit": True})
