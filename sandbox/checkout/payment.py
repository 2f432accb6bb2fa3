"""What the shopper does on the hosted page: the PaymentIntent is made here, at the first confirmation."""

from sandbox.account import Account
from sandbox.checkout.shape import customer_details
from sandbox.errors import ApiError
from sandbox.events import emit
from sandbox.payment_intents import shape
from sandbox.payment_intents.attempt import attempt
from sandbox.payment_methods import check_usable, method_of
from sandbox.store import JsonObject

_COMPLETE = frozenset({"succeeded", "requires_capture", "processing"})


def pay_session(account: Account, session: JsonObject, method: JsonObject) -> JsonObject:
    """Attempt to pay; return the PaymentIntent, or raise CardError as a confirm does."""
    if session["status"] != "open":
        raise ApiError(f"This Checkout Session is {session['status']}.")
    check_usable(account, method, session["customer"])
    intent = _intent(account, session)
    billing = method["billing_details"]
    email = billing["email"] or session["customer_email"]
    account.change(
        session,
        payment_intent=intent["id"],
        customer_details=customer_details(email=email, name=billing["name"]),
    )
    started = {**intent, "payment_method": method["id"], "last_payment_error": None, "next_action": None}
    return attempt(account, started, method, {"return_url": session["url"]})


def _intent(account: Account, session: JsonObject) -> JsonObject:
    """Return the session's PaymentIntent; a failed attempt has left one."""
    if session["payment_intent"] is not None:
        return account.the("payment_intent", session["payment_intent"])
    data = dict(account.notes(session["id"])["intent_data"])
    data["metadata"] = data.get("metadata") or {}
    intent = shape.new(
        account,
        **data,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        payment_method_types=session["payment_method_types"],
    )
    account.note(intent["id"], session=session["id"])
    account.add(intent)
    emit(account, "payment_intent.created", intent)
    return intent


def follow(account: Account, intent_id: str) -> None:
    """Update the session to the status of its PaymentIntent."""
    intent = account.get("payment_intent", intent_id)
    session = account.get("checkout.session", account.notes(intent_id).get("session", ""))
    if intent is None or session is None:
        return
    if session["status"] == "open" and intent["status"] in _COMPLETE:
        is_paid = intent["status"] == "succeeded"
        status = "paid" if is_paid else "unpaid"
        changed = account.change(session, status="complete", payment_status=status, url=None)
        emit(account, "checkout.session.completed", changed)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        _late(account, session, intent)


def _late(account: Account, session: JsonObject, intent: JsonObject) -> None:
    is_delayed = _is_delayed(account, intent)
    if intent["status"] == "succeeded":
        changed = account.change(session, payment_status="paid")
        if is_delayed:
            emit(account, "checkout.session.async_payment_succeeded", changed)
    elif is_delayed and intent["status"] == "requires_payment_method":
        emit(account, "checkout.session.async_payment_failed", session)


def _is_delayed(account: Account, intent: JsonObject) -> bool:
    charge = account.get("charge", intent["latest_charge"] or "")
    return charge is not None and method_of(account, charge["payment_method"]).is_slow
