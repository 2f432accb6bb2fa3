"""Disputes: the shopper's bank takes the money back, and the merchant may object."""

from collections.abc import Mapping
from typing import Any

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
    unsupported,
)
from sandbox.balance import add_balance_transaction
from sandbox.errors import ApiError, missing
from sandbox.events import emit
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


def open_dispute(account: Account, charge_id: str) -> None:
    charge = account.get("charge", charge_id)
    if charge is None or charge["disputed"]:
        return
    dispute = account.add(_new(account, account.change(charge, disputed=True)))
    emit(account, "charge.dispute.created", dispute)
    withdrawn = add_balance_transaction(account, "adjustment", -dispute["amount"], dispute)
    changed = account.change(dispute, balance_transactions=[withdrawn])
    emit(account, "charge.dispute.funds_withdrawn", changed)


def _new(account: Account, charge: JsonObject) -> JsonObject:
    now = account.clock.timestamp()
    return {
        "id": account.ids.new("du"),
        "object": "dispute",
        "amount": charge["amount"],
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
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network_reason_code": "10.4",
            },
        },
        "reason": "fraudulent",
        "status": "needs_response",
    }


def find(account: Account, call: Call) -> JsonObject:
    dispute = account.get("dispute", call.id)
    if dispute is None:
        raise missing("dispute", call.id, "id", status=404)
    return dispute


def update(account: Account, call: Call) -> JsonObject:
    return change_dispute(account, find(account, call), call.params)


def change_dispute(account: Account, dispute: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Store evidence; once it is submitted, its magic words decide the outcome."""
    if dispute["status"] != "needs_response" and "evidence" in given:
        raise ApiError(f"This dispute is already {dispute['status']} and takes no more evidence.")
    changes = _changes(dispute, given)
    previous = {name: dispute[name] for name, value in changes.items() if dispute[name] != value}
    changed = account.change(dispute, **changes)
    if previous:
        emit(account, "charge.dispute.updated", changed, previous)
    outcome = OUTCOMES.get(changed["evidence"]["uncategorized_text"] or "")
    if changed["status"] == "under_review" and outcome is not None:
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
            "status": "under_review",
        }
    return changes


def close(account: Account, call: Call) -> JsonObject:
    return close_dispute(account, find(account, call))


def close_dispute(account: Account, dispute: JsonObject) -> JsonObject:
    """Accept the dispute: it is lost."""
    if dispute["status"] in {"won", "lost"}:
        raise ApiError("This dispute is already closed.")
    return _close(account, dispute, "lost")


def _close(account: Account, dispute: JsonObject, outcome: str) -> JsonObject:
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
    "evidence": hash_of({**names(string, EVIDENCE), "enhanced_evidence": unsupported}),
    "metadata": metadata,
    "submit": boolean,
    "intended_submission_method": unsupported,
}
LIST: Schema = {**PAGING, "created": created, **names(required_string, "charge payment_intent")}

OPERATIONS = (
    Operation("GET", "/v1/disputes", list_disputes, LIST),
    Operation("GET", "/v1/disputes/:id", find),
    Operation("POST", "/v1/disputes/:id", update, UPDATE),
    Operation("POST", "/v1/disputes/:id/close", close),
)
