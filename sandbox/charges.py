"""Charges: one for each attempt to move money."""

from typing import Any

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    created,
    merged,
    metadata,
    names,
    required_string,
    string,
)
from sandbox.balance import add_balance_transaction
from sandbox.cards import Decline, TestMethod
from sandbox.errors import missing
from sandbox.events import emit
from sandbox.methods.charge_details import charge_details
from sandbox.store import JsonObject

DECLINED_BY_BANK = "The bank did not return any further details with this decline."


def new_charge(account: Account, intent: JsonObject, method: JsonObject, **changes: Any) -> JsonObject:
    """Make the Charge of an attempt; metadata and description are the PaymentIntent's at this moment."""
    charge_id = account.ids.new("ch" if method["type"] == "card" else "py")
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": intent["statement_descriptor"] or "SANDBOX",
        "captured": False,
        "created": account.clock.timestamp(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": None,
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
        **changes,
    }


def failure(decline: Decline) -> JsonObject:
    """Return the fields of a Charge that was declined."""
    return {
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": outcome(
            "issuer_declined",
            "declined_by_network",
            reason=decline.decline_code or decline.code,
            seller_message=DECLINED_BY_BANK,
            advice_code=decline.advice_code,
            network_decline_code="05",
        ),
        "status": "failed",
    }


def outcome(kind: str, network_status: str, **details: Any) -> JsonObject:
    empty = dict.fromkeys(("advice_code", "network_advice_code", "network_decline_code", "reason"))
    seller_message = "Payment complete."
    risk = {"risk_level": "normal", "risk_score": 20}
    common = {"network_status": network_status, "seller_message": seller_message, "type": kind}
    return {**empty, **risk, **common, **details}


def authorized(known: TestMethod) -> JsonObject:
    """Return the outcome of an authorised payment, with the risk level of the test card."""
    risk = {"risk_level": "elevated", "risk_score": 70} if known.is_risky else {}
    return outcome("authorized", "approved_by_network", **risk)


def method_details(
    method: JsonObject, known: TestMethod, authentication: JsonObject | None, capture_before: int | None
) -> JsonObject:
    """Return `payment_method_details`; the Charge shows less of a card than the PaymentMethod does."""
    if method["type"] != "card":
        return charge_details(method)
    card = method["card"]
    checks = {
        **card["checks"],
        "cvc_check": "fail" if known.decline and known.decline.code == "incorrect_cvc" else "pass",
    }
    shown = (
        "brand",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "regulated_status",
        "wallet",
    )
    details = {
        **{name: card[name] for name in shown},
        "authorization_code": None,
        "checks": checks,
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "three_d_secure": authentication,
    }
    if capture_before is not None:
        details["capture_before"] = capture_before
    return {"type": "card", "card": details}


def settled_at_once(account: Account, charge: JsonObject) -> JsonObject:
    """Return the Charge as a synchronous capture leaves it."""
    kind = "charge" if charge["payment_method_details"]["type"] == "card" else "payment"
    entry = add_balance_transaction(account, kind, charge["amount_captured"], charge)
    return {**charge, "balance_transaction": entry["id"], "receipt_url": _receipt(account, charge["id"])}


def settle(account: Account, charge_id: str) -> None:
    """Add the balance transaction, which an asynchronous capture leaves for later."""
    charge = account.get("charge", charge_id)
    if charge is None or charge["balance_transaction"] is not None:
        return
    changed = account.add(settled_at_once(account, charge))
    emit(account, "charge.updated", changed, {"balance_transaction": None, "receipt_url": None})


def _receipt(account: Account, charge_id: str) -> str:
    return f"{account.base_url}/receipts/{charge_id}"


def find(account: Account, charge_id: str, param: str = "id", status: int = 404) -> JsonObject:
    charge = account.get("charge", charge_id)
    if charge is None:
        raise missing("charge", charge_id, param, status)
    return charge


def retrieve(account: Account, call: Call) -> JsonObject:
    return find(account, call.id)


def update(account: Account, call: Call) -> JsonObject:
    charge = find(account, call.id)
    changes = {name: value for name, value in call.params.items() if name != "expand"}
    if "metadata" in changes:
        changes["metadata"] = merged(charge["metadata"], changes["metadata"])
    previous = {name: charge[name] for name, value in changes.items() if charge[name] != value}
    changed = account.change(charge, **changes)
    if previous:
        emit(account, "charge.updated", changed, previous)
    return changed


def list_charges(account: Account, call: Call) -> JsonObject:
    intent = call.params.get("payment_intent")
    wanted = {name: call.params[name] for name in ("customer", "transfer_group") if name in call}
    store = account.store
    found = store.newest("charge") if intent is None else iter(store.where("charge", "payment_intent", intent))
    return page(call, (charge for charge in found if all(charge[name] == value for name, value in wanted.items())))


UPDATE: Schema = {
    **EXPAND,
    "metadata": metadata,
    **names(string, "description receipt_email transfer_group"),
}
LIST: Schema = {
    **PAGING,
    "created": created,
    **names(required_string, "payment_intent customer transfer_group"),
}

OPERATIONS = (
    Operation("GET", "/v1/charges", list_charges, LIST),
    Operation("GET", "/v1/charges/:id", retrieve),
    Operation("POST", "/v1/charges/:id", update, UPDATE),
)
