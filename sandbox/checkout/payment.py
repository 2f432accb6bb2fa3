"""What the shopper does: the PaymentIntent is made here, at the first confirmation."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.checkout.shape import customer_details
from sandbox.config import OPEN_STATUSES
from sandbox.errors import ApiError
from sandbox.events import emit
from sandbox.methods.rules import check_method
from sandbox.payment_intents import shape
from sandbox.payment_intents.attempt import attempt
from sandbox.payment_methods import check_usable
from sandbox.store import JsonObject

_COMPLETE = frozenset({"succeeded", "requires_capture", "processing"})
_INSTRUCTIONS = frozenset(
    {
        "boleto_display_details",
        "display_bank_transfer_instructions",
        "multibanco_display_details",
        "verify_with_microdeposits",
    }
)
"""The next actions with which the shopper is done here: the money comes days later."""


def pay_session(account: Account, session: JsonObject, method: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Attempt to pay in the shopper's browser; return the PaymentIntent, or raise ApiError as a confirm does.

    `given` has `return_url`, `use_stripe_sdk` and `mandate_data`, as in a confirm of a PaymentIntent.
    """
    _check_allowed(account, session, method)
    intent = _intent(account, session) or _new_intent(account, session)
    started = {
        **intent,
        "amount": session["amount_total"],
        "payment_method": method["id"],
        "last_payment_error": None,
        "next_action": None,
    }
    check_method(account, started, method, given, is_publishable=True)
    if session["payment_intent"] is None:
        account.note(intent["id"], session=session["id"])
        emit(account, "payment_intent.created", account.add(intent))
    billing = method["billing_details"]
    email = given.get("email") or billing["email"] or session["customer_email"]
    shopper = customer_details(email=email, name=billing["name"])
    account.change(session, payment_intent=intent["id"], customer_details=shopper)
    changed = attempt(account, started, method, given)
    follow(account, changed["id"])
    return changed


def _check_allowed(account: Account, session: JsonObject, method: JsonObject) -> None:
    if session["status"] != "open":
        raise ApiError(f"This Checkout Session is {session['status']}.")
    if method["type"] not in session["payment_method_types"]:
        message = f"The PaymentMethod provided ({method['type']}) is not allowed for this Checkout Session."
        raise ApiError(message, code="payment_intent_incompatible_payment_method", param="payment_method")
    check_usable(account, method, session["customer"])


def _intent(account: Account, session: JsonObject) -> JsonObject | None:
    """Return the PaymentIntent that an attempt left which did not pay."""
    if session["payment_intent"] is None:
        return None
    found = account.the("payment_intent", session["payment_intent"])
    if found["status"] not in OPEN_STATUSES:
        raise ApiError(f"The PaymentIntent of this Checkout Session is {found['status']}.")
    return found


def _new_intent(account: Account, session: JsonObject) -> JsonObject:
    """Return what the session's PaymentIntent will be; it is not added yet."""
    data = dict(account.notes(session["id"])["intent_data"])
    data["metadata"] = data.get("metadata") or {}
    types = {"payment_method_types": session["payment_method_types"]}
    return shape.new(
        account,
        **data,
        allowed_payment_method_types=session["allowed_payment_method_types"],
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        payment_method_options=shape.with_options(types, session),
        **types,
    )


def follow(account: Account, intent_id: str) -> None:
    """Update the session to the status of its PaymentIntent."""
    intent = account.get("payment_intent", intent_id)
    session = account.get("checkout.session", account.notes(intent_id).get("session", ""))
    if intent is None or session is None:
        return
    if session["status"] == "open" and (intent["status"] in _COMPLETE or _is_instructed(intent)):
        status = "paid" if intent["status"] == "succeeded" else "unpaid"
        account.note(session["id"], is_delayed=intent["status"] in {"processing", "requires_action"})
        changed = account.change(session, status="complete", payment_status=status, url=None)
        emit(account, "checkout.session.completed", changed)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        _late(account, session, intent)


def _is_instructed(intent: JsonObject) -> bool:
    return intent["status"] == "requires_action" and intent["next_action"]["type"] in _INSTRUCTIONS


def _late(account: Account, session: JsonObject, intent: JsonObject) -> None:
    """Record the outcome of a delayed payment, with an event; a hold that is captured has events of its own."""
    is_delayed = account.notes(session["id"])["is_delayed"]
    if intent["status"] == "succeeded":
        changed = account.change(session, payment_status="paid")
        if is_delayed:
            emit(account, "checkout.session.async_payment_succeeded", changed)
    elif is_delayed and intent["status"] == "requires_payment_method":
        emit(account, "checkout.session.async_payment_failed", session)
