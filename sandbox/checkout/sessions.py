"""Create, retrieve, list and expire Checkout Sessions."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.listing import as_list, page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import PAGING, merged
from sandbox.api.stripe_params import missing_param
from sandbox.checkout import params
from sandbox.checkout.find import find
from sandbox.checkout.items import check_items, new_items
from sandbox.checkout.shape import new_session
from sandbox.checkout.update import update
from sandbox.config import OPEN_STATUSES
from sandbox.errors import ApiError, InvalidParamError, missing
from sandbox.events import emit
from sandbox.payment_intents.cancel import cancel_intent
from sandbox.payment_intents.descriptor import check_descriptor
from sandbox.payment_intents.operations import check_one_choice, method_types
from sandbox.store import JsonObject

SHORTEST, LONGEST = 30 * 60, 24 * 3600
_URLS_OF: Mapping[str, frozenset[str]] = {
    "hosted_page": frozenset({"cancel_url", "success_url"}),
    "embedded_page": frozenset({"redirect_on_completion", "return_url"}),
    "elements": frozenset({"return_url"}),
}
"""The parameters that only some values of `ui_mode` have."""


def create(account: Account, call: Call) -> JsonObject:
    given = call.params
    if "mode" not in given:
        raise missing_param("mode")
    _check_place(given)
    expires_at = _expiry(account, given)
    _check_customer(account, given)
    items = new_items(account, given.get("line_items") or [])
    currency = given.get("currency") or (items[0]["currency"] if items else "")
    check_items(account, items, currency)
    check_one_choice(given)
    intent_data = given.get("payment_intent_data") or {}
    wanted = {**given, "capture_method": intent_data.get("capture_method"), "currency": currency}
    types = method_types(account, wanted)["payment_method_types"]
    check_descriptor(types, intent_data)
    given["metadata"] = merged({}, given.get("metadata") or {})
    session = account.add(new_session(account, given, items, types, expires_at))
    account.note(session["id"], items=items, intent_data=intent_data)
    account.timers.add(expires_at - account.clock.now(), "expire_session", session["id"])
    return session


def _check_place(given: dict[str, Any]) -> None:
    """Check that the addresses are those of the `ui_mode`; every payment can need a redirect, so one is needed."""
    mode = given.get("ui_mode", "hosted_page")
    wrong = sorted(name for name in frozenset().union(*_URLS_OF.values()) - _URLS_OF[mode] if name in given)
    if wrong:
        message = f"The following parameters are not supported with `ui_mode: {mode}`: {', '.join(wrong)}."
        raise InvalidParamError(message, param=wrong[0])
    needed = "success_url" if mode == "hosted_page" else "return_url"
    if needed not in given:
        raise missing_param(needed)


def _check_customer(account: Account, given: dict[str, Any]) -> None:
    customer = given.get("customer")
    if customer is None:
        return
    if "customer_email" in given:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise InvalidParamError(message, param="customer_email")
    if account.get("customer", customer) is None:
        raise missing("customer", customer, "customer")


def _expiry(account: Account, given: dict[str, Any]) -> int:
    now = account.clock.timestamp()
    expires_at: int = given.get("expires_at", now + LONGEST)
    if not now + SHORTEST - 60 <= expires_at <= now + LONGEST + 60:
        message = (
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
            if expires_at > now + LONGEST
            else "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        )
        raise InvalidParamError(message, param="expires_at")
    return expires_at


def expire(account: Account, call: Call) -> JsonObject:
    session = find(account, call)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}."
        )
        raise ApiError(message)
    return expire_session(account, session["id"]) or session


def expire_session(account: Account, session_id: str) -> JsonObject | None:
    """Expire an open session, by request or by the clock."""
    session = account.get("checkout.session", session_id)
    if session is None or session["status"] != "open":
        return None
    changed = account.change(session, status="expired", url=None)
    emit(account, "checkout.session.expired", changed)
    intent = account.get("payment_intent", session["payment_intent"]) if session["payment_intent"] else None
    is_open = intent is not None and intent["status"] in OPEN_STATUSES
    if intent is not None and is_open and account.config.unconfirmed.expiry_cancels_failed_attempt:
        cancel_intent(account, intent, "automatic")
    return changed


def line_items(account: Account, session_id: str) -> JsonObject:
    url = f"/v1/checkout/sessions/{session_id}/line_items"
    return as_list(url, account.notes(session_id)["items"])


def list_line_items(account: Account, call: Call) -> JsonObject:
    return page(call, line_items(account, find(account, call)["id"])["data"])


def list_sessions(account: Account, call: Call) -> JsonObject:
    wanted = {name: call.params[name] for name in ("status", "customer", "payment_intent") if name in call}
    return page(call, _matching(account.store.newest("checkout.session"), wanted))


def _matching(sessions: Iterable[JsonObject], wanted: dict[str, Any]) -> Iterable[JsonObject]:
    return (session for session in sessions if all(session[name] == value for name, value in wanted.items()))


OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", create, params.CREATE),
    Operation("GET", "/v1/checkout/sessions", list_sessions, params.LIST),
    Operation("GET", "/v1/checkout/sessions/:id", find),
    Operation("POST", "/v1/checkout/sessions/:id", update, params.UPDATE),
    Operation("POST", "/v1/checkout/sessions/:id/expire", expire),
    Operation("GET", "/v1/checkout/sessions/:id/line_items", list_line_items, PAGING),
)
