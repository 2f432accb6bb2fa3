"""Refunds: money back to the shopper, at once, later, or not at all."""

from typing import Any

from sandbox import radar
from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    amount,
    created,
    merged,
    metadata,
    names,
    required_string,
    string,
)
from sandbox.balance import add_balance_transaction
from sandbox.charges import find as find_charge
from sandbox.currencies import shown
from sandbox.errors import ApiError, InvalidParamError, NotImplementedHereError, missing
from sandbox.events import emit
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject


def create(account: Account, call: Call) -> JsonObject:
    given = call.params
    charge = _named_charge(account, given)
    return refund_charge(
        account,
        charge,
        given.get("amount"),
        reason=given.get("reason"),
        metadata=merged({}, given.get("metadata") or {}),
    )


def _named_charge(account: Account, given: dict[str, Any]) -> JsonObject:
    if "charge" in given:
        charge = find_charge(account, given["charge"], "charge", 400)
        if given.get("payment_intent", charge["payment_intent"]) != charge["payment_intent"]:
            raise ApiError("The charge does not belong to this PaymentIntent.", param="payment_intent")
        return charge
    if "payment_intent" not in given:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise InvalidParamError(message, code="parameter_missing")
    intent = account.get("payment_intent", given["payment_intent"])
    if intent is None:
        raise missing("payment_intent", given["payment_intent"], "payment_intent")
    return refundable_charge(account, intent)


def refundable_charge(account: Account, intent: JsonObject) -> JsonObject:
    charge = account.get("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    if intent["status"] == "requires_capture":
        message = (
            f"This PaymentIntent ({intent['id']}) has an uncaptured charge. Cancel the PaymentIntent instead of "
            "refunding it."
        )
        raise ApiError(message, code="charge_not_refundable", payment_intent=intent)
    if charge is None or intent["status"] != "succeeded":
        raise ApiError(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return charge


def refund_charge(
    account: Account, charge: JsonObject, wanted: int | None, *, reason: str | None, metadata: dict[str, str]
) -> JsonObject:
    _check_type(charge)
    left = charge["amount_captured"] - charge["amount_refunded"] - _disputed(account, charge)
    _check_refundable(charge, left, wanted)
    refund = _new(account, charge, left if wanted is None else wanted, reason, metadata)
    account.add(refund)
    _give_back(account, charge, refund)
    emit(account, "refund.created", refund)
    return refund


def _disputed(account: Account, charge: JsonObject) -> int:
    """Return the amount that open and lost chargebacks keep from being refunded: all of the Charge, or their part."""
    disputes = account.store.where("dispute", "charge", charge["id"])
    amounts = [dispute["amount"] for dispute in disputes if not dispute["is_charge_refundable"]]
    is_all = bool(amounts) and not account.config.unconfirmed.partial_dispute_leaves_rest_refundable
    return int(charge["amount_captured"]) if is_all else sum(amounts)


def _check_type(charge: JsonObject) -> None:
    """Raise ApiError for a payment that Stripe cannot refund, or of which the sandbox does not know how."""
    kind = charge["payment_method_details"]["type"]
    if kind == "boleto":
        raise ApiError("Boleto payments cannot be refunded.", code="charge_not_refundable")
    if kind in {"customer_balance", "multibanco"}:
        raise NotImplementedHereError(f"refunds of payments of the type {kind}")


def _check_refundable(charge: JsonObject, left: int, wanted: int | None) -> None:
    if charge["refunded"]:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not charge["captured"] or charge["status"] != "succeeded":
        raise ApiError(f"Charge {charge['id']} cannot be refunded.", code="charge_not_refundable")
    if left <= 0:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise ApiError(message, code="charge_disputed")
    if wanted is not None and wanted > left:
        what = "charge amount" if left == charge["amount"] else "unrefunded amount on charge"
        asked, limit = shown(wanted, charge["currency"]), shown(left, charge["currency"])
        raise ApiError(f"Refund amount ({asked}) is greater than {what} ({limit})", param="amount")


def _new(
    account: Account, charge: JsonObject, refunded: int, reason: str | None, metadata: dict[str, str]
) -> JsonObject:
    aftermath = method_of(account, charge["payment_method"]).aftermath
    is_card = charge["payment_method_details"]["type"] == "card"
    is_pending = not is_card and account.config.unconfirmed.refunds_of_other_methods == "pending"
    refund = {
        "id": account.ids.new("re" if is_card else "pyr"),
        "object": "refund",
        "amount": refunded,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": account.clock.timestamp(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    if is_pending or aftermath == "pending_refund":
        refund |= {"status": "pending", "pending_reason": "processing"}
    else:
        refund["balance_transaction"] = _withdraw(account, refund)["id"]
    if is_pending or aftermath:
        account.timers.add(account.config.settle_delay.total_seconds(), "finish_refund", refund["id"])
    return refund


def _withdraw(account: Account, refund: JsonObject) -> JsonObject:
    kind = "payment_refund" if refund["id"].startswith("pyr_") else "refund"
    return add_balance_transaction(account, kind, -refund["amount"], refund)


def _give_back(account: Account, charge: JsonObject, refund: JsonObject) -> None:
    total = charge["amount_refunded"] + refund["amount"]
    previous = {"amount_refunded": charge["amount_refunded"]}
    is_all = total == charge["amount_captured"]
    if is_all:
        previous["refunded"] = False
    emit(account, "charge.refunded", account.change(charge, amount_refunded=total, refunded=is_all), previous)
    if is_all:
        radar.resolve(account, charge["id"])


def finish(account: Account, refund_id: str) -> None:
    """Bring the late outcome: a pending refund succeeds, a failing one fails."""
    refund = account.get("refund", refund_id)
    if refund is None or refund["status"] not in {"pending", "succeeded"}:
        return
    if method_of(account, refund["payment_method"]).aftermath == "failing_refund":
        fail(account, refund, "expired_or_canceled_card")
        return
    if refund["status"] != "pending":
        return
    entry = _withdraw(account, refund)
    settled = {name: value for name, value in refund.items() if name != "pending_reason"}
    changed = account.add({**settled, "status": "succeeded", "balance_transaction": entry["id"]})
    emit(account, "refund.updated", changed, {"status": "pending", "balance_transaction": None})


def fail(account: Account, refund: JsonObject, reason: str, status: str = "failed") -> JsonObject:
    """Fail or cancel a refund: the money is ours again and can be refunded once more."""
    charge = account.the("charge", refund["charge"])
    account.change(charge, amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)
    entry = add_balance_transaction(account, "refund_failure", refund["amount"], refund)
    settled = {name: value for name, value in refund.items() if name != "pending_reason"}
    failure = {"failure_reason": reason, "failure_balance_transaction": entry["id"], "status": status}
    changed = account.add({**settled, **failure})
    emit(account, "refund.updated", changed, {"status": refund["status"]})
    if status == "failed":
        emit(account, "refund.failed", changed)
    return changed


def find(account: Account, call: Call) -> JsonObject:
    refund = account.get("refund", call.id)
    if refund is None:
        raise missing("refund", call.id, "id", status=404)
    return refund


def update(account: Account, call: Call) -> JsonObject:
    refund = find(account, call)
    if "metadata" not in call:
        return refund
    changed = account.change(refund, metadata=merged(refund["metadata"], call.params["metadata"]))
    emit(account, "refund.updated", changed, {"metadata": refund["metadata"]})
    return changed


def cancel(account: Account, call: Call) -> JsonObject:
    refund = find(account, call)
    if refund["status"] != "requires_action":
        message = f"Refund {refund['id']} cannot be canceled because it has a status of {refund['status']}."
        raise ApiError(message)
    return fail(account, refund, "merchant_request", status="canceled")


def list_refunds(account: Account, call: Call) -> JsonObject:
    for name in ("charge", "payment_intent"):
        if name in call:
            return page(call, account.store.where("refund", name, call.params[name]))
    return page(call, account.store.newest("refund"))


CREATE: Schema = {
    **EXPAND,
    "amount": amount,
    "metadata": metadata,
    "reason": string,
    **names(required_string, "charge payment_intent"),
}
UPDATE: Schema = {**EXPAND, "metadata": metadata}
LIST: Schema = {**PAGING, "created": created, **names(required_string, "charge payment_intent")}

OPERATIONS = (
    Operation("POST", "/v1/refunds", create, CREATE),
    Operation("GET", "/v1/refunds", list_refunds, LIST),
    Operation("GET", "/v1/refunds/:id", find),
    Operation("POST", "/v1/refunds/:id", update, UPDATE),
    Operation("POST", "/v1/refunds/:id/cancel", cancel),
)
