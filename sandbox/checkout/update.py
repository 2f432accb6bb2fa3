"""Update an open Checkout Session: its metadata, and in the mode `elements` its line items and its PaymentIntent."""

from typing import Any

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.api.params import merged
from sandbox.checkout.find import find
from sandbox.checkout.items import check_items, items_after, total
from sandbox.config import OPEN_STATUSES
from sandbox.errors import ApiError, InvalidParamError
from sandbox.payment_intents.descriptor import check_descriptor
from sandbox.store import JsonObject

_IN_PLACE = ("line_items", "payment_intent_data")


def update(account: Account, call: Call) -> JsonObject:
    session, given = find(account, call), call.params
    intent = account.get("payment_intent", session["payment_intent"] or "")
    _check_updatable(account, session, intent, given)
    notes = account.notes(session["id"])
    changes: dict[str, Any] = {}
    if "metadata" in given:
        changes["metadata"] = merged(session["metadata"], given["metadata"])
    intent_changes = _intent_changes(notes["intent_data"], given.get("payment_intent_data") or {})
    items = notes["items"]
    if "line_items" in given:
        items = items_after(account, items, given["line_items"])
        check_items(account, items, session["currency"])
        changes |= {"amount_subtotal": total(items), "amount_total": total(items)}
    account.note(session["id"], items=items, intent_data={**notes["intent_data"], **intent_changes})
    is_over = intent_changes or account.config.unconfirmed.line_items_during_action == "abandon"
    if intent is not None and (intent_changes or "line_items" in given):
        account.change(intent, **intent_changes, **(_abandoned(intent) if is_over else {}))
    return account.change(session, **changes)


def _check_updatable(account: Account, session: JsonObject, intent: JsonObject | None, given: dict[str, Any]) -> None:
    """Refuse what the session's status, its `ui_mode` or its PaymentIntent does not allow, before anything changes."""
    is_metadata_only = given.keys() <= {"metadata", "expand"}
    is_kept = is_metadata_only and account.config.unconfirmed.closed_session_metadata == "accept"
    if session["status"] != "open" and not is_kept:
        message = (
            'Only Checkout Sessions with a status in ["open"] can be updated. This Checkout Session has a status of '
            f"{session['status']}."
        )
        raise ApiError(message)
    for name in _IN_PLACE:
        if name in given and session["ui_mode"] != "elements":
            message = f"You can only update `{name}` for a Checkout Session with `ui_mode: elements`."
            raise InvalidParamError(message, param=name)
    if "payment_intent_data" in given:
        check_descriptor(session["payment_method_types"], given["payment_intent_data"] or {})
        if intent is not None and intent["status"] not in OPEN_STATUSES:
            message = f"You cannot update `payment_intent_data` once the PaymentIntent is {intent['status']}."
            raise ApiError(message, param="payment_intent_data")
    _check_action(account, intent, given)


def _check_action(account: Account, intent: JsonObject | None, given: dict[str, Any]) -> None:
    is_refused = account.config.unconfirmed.line_items_during_action == "refuse"
    if is_refused and "line_items" in given and intent is not None and intent["status"] == "requires_action":
        message = "You cannot update `line_items` while the PaymentIntent has a status of requires_action."
        raise ApiError(message, param="line_items")


def _intent_changes(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what changes about the PaymentIntent that is there or will be."""
    if "metadata" not in given:
        return given
    return {**given, "metadata": merged(before.get("metadata") or {}, given["metadata"])}


def _abandoned(intent: JsonObject) -> JsonObject:
    """Return the changes that end a running attempt."""
    if intent["status"] not in {"requires_action", "requires_confirmation"}:
        return {}
    return {"next_action": None, "payment_method": None, "status": "requires_payment_method"}
