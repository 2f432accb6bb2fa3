"""Boleto and Multibanco: a voucher that the shopper pays elsewhere, days later, or lets expire.

The shopper's e-mail address decides what happens, as in Stripe's test mode; a control or the page can be faster.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sandbox.account import Account
from sandbox.cards import THREE_MINUTES
from sandbox.charges import method_details
from sandbox.methods.pages import new_page
from sandbox.payment_intents.outcomes import error_of, failed, paid, require_action
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

EXPIRES_AT_ONCE, EXPIRES_SOON = "expire_immediately", "expire_with_delay"
PAID_AFTER = {"succeed_immediately": 0.0, "fill_never": None, EXPIRES_AT_ONCE: None, EXPIRES_SOON: None}
"""Seconds until the voucher is paid, by how the part of the e-mail address before the @ ends; None is never."""
MULTIBANCO_ENTITY = "12345"
MULTIBANCO_PERIOD = timedelta(days=7)
_SAO_PAULO = timezone(timedelta(hours=-3))
_EXPIRED = (
    "The latest payment attempt of this PaymentIntent has expired. Provide a new payment method to attempt to fulfill "
    "this PaymentIntent again."
)


def start(account: Account, intent: JsonObject, method: JsonObject, _: Mapping[str, Any]) -> JsonObject:
    """Show the voucher, and plan what becomes of it."""
    kind = method["type"]
    ending = _ending(method["billing_details"]["email"] or "")
    expires_at = _expires_at(account, intent, kind, ending)
    url = new_page(account, intent, kind)
    details = {"expires_at": expires_at, "hosted_voucher_url": url}
    if kind == "boleto":
        details |= {"number": _digits(account, 47), "pdf": f"{url}/pdf"}
    else:
        details |= {"entity": MULTIBANCO_ENTITY, "reference": _digits(account, 9)}
    _plan(account, intent["id"], expires_at, PAID_AFTER.get(ending, THREE_MINUTES))
    name = f"{kind}_display_details"
    return require_action(account, intent, {"type": name, name: details})


def _ending(email: str) -> str:
    local = email.partition("@")[0]
    return next((ending for ending in PAID_AFTER if local.endswith(ending)), "")


def _expires_at(account: Account, intent: JsonObject, kind: str, ending: str) -> int:
    now = account.clock.timestamp()
    if ending == EXPIRES_AT_ONCE:
        return now
    if ending == EXPIRES_SOON:
        return now + int(THREE_MINUTES)
    if kind == "multibanco":
        return now + int(MULTIBANCO_PERIOD.total_seconds())
    days = intent["payment_method_options"]["boleto"]["expires_after_days"]
    last_day = datetime.fromtimestamp(now, UTC).astimezone(_SAO_PAULO) + timedelta(days=days)
    return int(last_day.replace(hour=23, minute=59, second=59, microsecond=0).timestamp())


def _digits(account: Account, count: int) -> str:
    return "".join(str(ord(character) % 10) for character in account.ids.token("voucher", count))


def _plan(account: Account, intent_id: str, expires_at: int, paid_after: float | None) -> None:
    _forget_plan(account, intent_id)
    account.timers.add(expires_at - account.clock.now(), "expire_voucher", intent_id)
    if paid_after is not None:
        account.timers.add(paid_after, "pay_voucher", intent_id)


def _forget_plan(account: Account, intent_id: str) -> None:
    for action in ("pay_voucher", "expire_voucher"):
        account.timers.remove(action, intent_id)


def pay(account: Account, intent_id: str) -> None:
    """Do nothing where the voucher does not wait any more."""
    intent = account.get("payment_intent", intent_id)
    if intent is None or not is_waiting(intent):
        return
    _forget_plan(account, intent_id)
    method = account.the("payment_method", intent["payment_method"])
    details = method_details(method, method_of(account, method["id"]), None, None)
    shown = intent["next_action"].get("multibanco_display_details")
    if shown is not None:
        details["multibanco"] = {name: shown[name] for name in ("entity", "reference")}
    paid(account, intent, method, details)


def expire(account: Account, intent_id: str) -> None:
    """Do nothing where the voucher does not wait any more."""
    intent = account.get("payment_intent", intent_id)
    if intent is None or not is_waiting(intent):
        return
    _forget_plan(account, intent_id)
    method = account.the("payment_method", intent["payment_method"])
    failed(account, intent, error_of("payment_intent_payment_attempt_expired", _EXPIRED, method))


def is_waiting(intent: JsonObject) -> bool:
    action = intent["next_action"] or {"type": None}
    return intent["status"] == "requires_action" and action["type"] in {
        "boleto_display_details",
        "multibanco_display_details",
    }
