"""Disputes: the shopper's bank takes the money back, and the merchant may object."""

from collections.abc import Mapping
from typing import Any

from sandbox import radar
from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    boolean,
    created,
    hash_of,
    merged,
    metadata,
    names,
    required_string,
    string,
)
from sandbox.balance import add_balance_transaction
from sandbox.errors import ApiError, missing
from sandbox.events import emit
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)
RESPONSE_DAYS = 7
OUTCOMES = {"winning_evidence": "won", "losing_evidence": "lost"}
"""What `evidence[uncategorized_text]` decides, as in Stripe's test mode."""


INQUIRY = "warning_"
"""The statuses of an inquiry begin so: the bank asks, and no funds move."""
CLOSED = frozenset({"won", "lost", "warning_closed"})
NETWORK_REASONS = {"fraudulent": "10.4", "product_not_received": "13.1"}


def dispute_as_tested(account: Account, charge_id: str) -> None:
    """Open the dispute or inquiry that the test card of the Charge asks for."""
    charge = account.get("charge", charge_id)
    if charge is None or charge["disputed"]:
        return
    aftermath = method_of(account, charge["payment_method"]).aftermath
    reason = "product_not_received" if aftermath == "not_received" else "fraudulent"
    open_dispute(account, charge, reason=reason, is_inquiry=aftermath == "inquiry")


def open_dispute(
    account: Account, charge: JsonObject, amount: int | None = None, *, reason: str, is_inquiry: bool = False
) -> JsonObject:
    """Dispute a Charge, or a part of it; raise ApiError for more than is captured and not disputed yet."""
    disputed = sum(dispute["amount"] for dispute in account.store.where("dispute", "charge", charge["id"]))
    left = charge["amount_captured"] - disputed
    if not 0 < (left if amount is None else amount) <= left:
        raise ApiError(f"Charge {charge['id']} has {left} left to dispute.", param="amount")
    charge = account.change(charge, disputed=True)
    dispute = account.add(_new(account, charge, amount or left, reason, is_inquiry=is_inquiry))
    emit(account, "charge.dispute.created", dispute)
    radar.resolve(account, charge["id"])
    return dispute if is_inquiry else _withdraw(account, dispute)


def escalate(account: Account, dispute: JsonObject) -> JsonObject:
    """Turn an inquiry into a chargeback: now the bank takes the money."""
    if dispute["status"] in CLOSED or not dispute["status"].startswith(INQUIRY):
        raise ApiError(f"Only an open inquiry can be escalated; this dispute is {dispute['status']}.")
    previous = {name: dispute[name] for name in ("is_charge_refundable", "status")}
    changed = account.change(dispute, is_charge_refundable=False, status="needs_response")
    emit(account, "charge.dispute.updated", changed, previous)
    return _withdraw(account, changed)


def _withdraw(account: Account, dispute: JsonObject) -> JsonObject:
    withdrawn = add_balance_transaction(account, "adjustment", -dispute["amount"], dispute)
    changed = account.change(dispute, balance_transactions=[withdrawn])
    emit(account, "charge.dispute.funds_withdrawn", changed)
    return changed


def _new(account: Account, charge: JsonObject, amount: int, reason: str, *, is_inquiry: bool) -> JsonObject:
    now = account.clock.timestamp()
    return {
        "id": account.ids.new("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE.split()), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + RESPONSE_DAYS * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": None,
        },
        "intended_submission_method": None,
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": _details(charge, reason, "inquiry" if is_inquiry else "chargeback"),
        "reason": reason,
        "status": f"{INQUIRY}needs_response" if is_inquiry else "needs_response",
    }


def _details(charge: JsonObject, reason: str, case_type: str) -> JsonObject:
    method = charge["payment_method_details"]
    if method["type"] != "card":
        return {"type": method["type"], method["type"]: {}}
    card = {"brand": method["card"]["brand"], "case_type": case_type}
    return {"type": "card", "card": {**card, "network_reason_code": NETWORK_REASONS.get(reason)}}


def find(account: Account, call: Call) -> JsonObject:
    dispute = account.get("dispute", call.id)
    if dispute is None:
        raise missing("dispute", call.id, "id", status=404)
    return dispute


def update(account: Account, call: Call) -> JsonObject:
    return change_dispute(account, find(account, call), call.params)


def change_dispute(account: Account, dispute: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Store evidence; once it is submitted, its magic words decide the outcome."""
    if not dispute["status"].endswith("needs_response") and "evidence" in given:
        raise ApiError(f"This dispute is already {dispute['status']} and takes no more evidence.")
    changes = _changes(dispute, given)
    previous = {name: dispute[name] for name, value in changes.items() if dispute[name] != value}
    changed = account.change(dispute, **changes)
    if previous:
        emit(account, "charge.dispute.updated", changed, previous)
    outcome = OUTCOMES.get(changed["evidence"]["uncategorized_text"] or "")
    if changed["status"].endswith("under_review") and outcome is not None:
        return _close(account, changed, outcome)
    return changed


def _changes(dispute: JsonObject, given: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "metadata" in given:
        changes["metadata"] = merged(dispute["metadata"], given["metadata"])
    evidence = given.get("evidence")
    if evidence:
        changes["evidence"] = {**dispute["evidence"], **evidence}
    if evidence and given.get("submit", True):
        details = dispute["evidence_details"]
        count = {"has_evidence": True, "submission_count": details["submission_count"] + 1}
        changes |= {
            "evidence_details": {**details, **count, "submission_method": "manual"},
            "status": dispute["status"].replace("needs_response", "under_review"),
        }
    return changes


def close(account: Account, call: Call) -> JsonObject:
    return close_dispute(account, find(account, call))


def close_dispute(account: Account, dispute: JsonObject) -> JsonObject:
    """Accept the dispute: it is lost."""
    if dispute["status"] in CLOSED:
        raise ApiError("This dispute is already closed.")
    return _close(account, dispute, "lost")


def _close(account: Account, dispute: JsonObject, outcome: str) -> JsonObject:
    if dispute["status"].startswith(INQUIRY):  # no funds moved, so nothing is won or lost
        outcome = "warning_closed"
    changes: dict[str, Any] = {"status": outcome}
    if outcome == "won":
        returned = add_balance_transaction(account, "adjustment", dispute["amount"], dispute)
        changes["balance_transactions"] = [*dispute["balance_transactions"], returned]
        changes["is_charge_refundable"] = True
    changed = account.change(dispute, **changes)
    if outcome == "won":
        emit(account, "charge.dispute.funds_reinstated", changed)
    emit(account, "charge.dispute.closed", changed)
    return changed


def list_disputes(account: Account, call: Call) -> JsonObject:
    for name in ("charge", "payment_intent"):
        if name in call:
            return page(call, account.store.where("dispute", name, call.params[name]))
    return page(call, account.store.newest("dispute"))


UPDATE: Schema = {
    **EXPAND,
    "evidence": hash_of({**names(string, EVIDENCE)}),
    "metadata": metadata,
    "submit": boolean,
}
LIST: Schema = {**PAGING, "created": created, **names(required_string, "charge payment_intent")}

OPERATIONS = (
    Operation("GET", "/v1/disputes", list_disputes, LIST),
    Operation("GET", "/v1/disputes/:id", find),
    Operation("POST", "/v1/disputes/:id", update, UPDATE),
    Operation("POST", "/v1/disputes/:id/close", close),
)
