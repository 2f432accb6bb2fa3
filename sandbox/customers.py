"""Customers, in outline: enough to put a name to a PaymentIntent and to keep a PaymentMethod."""

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    created,
    hash_of,
    list_of,
    merged,
    metadata,
    names,
    required_string,
    string,
)
from sandbox.api.stripe_params import missing_param
from sandbox.errors import ApiError, NotImplementedHereError, missing
from sandbox.events import emit
from sandbox.payment_intents.params import SHIPPING, email
from sandbox.payment_methods import ADDRESS, check_not_used, resolve
from sandbox.store import JsonObject

_FIELDS = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping")


def create(account: Account, call: Call) -> JsonObject:
    given = call.params
    customer: JsonObject = {
        "id": account.ids.new("cus"),
        "object": "customer",
        **dict.fromkeys(_FIELDS),
        "balance": 0,
        "created": account.clock.timestamp(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "discount": None,
        "invoice_prefix": account.ids.token("invoice_prefix", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": merged({}, given.get("metadata") or {}),
        "next_invoice_sequence": 1,
        "preferred_locales": given.get("preferred_locales") or [],
        "tax_exempt": "none",
        "test_clock": None,
        **{name: given[name] for name in _FIELDS if name in given},
    }
    account.add(customer)
    emit(account, "customer.created", customer)
    return customer


def find(account: Account, call: Call) -> JsonObject:
    customer = account.get("customer", call.id)
    if customer is None:
        deleted = account.notes(call.id).get("deleted")
        if deleted and call.method == "GET":
            return {"id": call.id, "object": "customer", "deleted": True}
        raise missing("customer", call.id, "id", status=404)
    return customer


def update(account: Account, call: Call) -> JsonObject:
    customer = find(account, call)
    changes = {name: call.params[name] for name in _FIELDS if name in call}
    if "metadata" in call:
        changes["metadata"] = merged(customer["metadata"], call.params["metadata"])
    previous = {name: customer[name] for name, value in changes.items() if customer[name] != value}
    changed = account.change(customer, **changes)
    if previous:
        emit(account, "customer.updated", changed, previous)
    return changed


def delete(account: Account, call: Call) -> JsonObject:
    customer = find(account, call)
    account.store.delete("customer", customer["id"])
    account.note(customer["id"], deleted=True)
    emit(account, "customer.deleted", customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


def list_customers(account: Account, call: Call) -> JsonObject:
    wanted = call.params.get("email")
    found = account.store.newest("customer")
    return page(call, (customer for customer in found if wanted in {None, customer["email"]}))


def attach(account: Account, call: Call) -> JsonObject:
    method = resolve(account, call.id)
    if "customer" not in call:
        raise missing_param("customer")
    customer = call.params["customer"]
    if account.get("customer", customer) is None:
        raise missing("customer", customer, "customer")
    if method["customer"] not in {None, customer}:
        raise ApiError("The payment method you provided has already been attached to a customer.")
    check_not_used(account, method)
    _check_kept(account, method)
    changed = account.change(method, customer=customer)
    emit(account, "payment_method.attached", changed)
    return changed


def _check_kept(account: Account, method: JsonObject) -> None:
    """Refuse what Stripe does not attach, or only after it verified the account: its words are not known."""
    is_verified = method["type"] != "us_bank_account" or account.notes(method["id"]).get("is_verified")
    if method["type"] not in {"card", "sepa_debit", "us_bank_account"} or not is_verified:
        raise NotImplementedHereError(f"attaching a PaymentMethod of the type {method['type']} by itself")


def detach(account: Account, call: Call) -> JsonObject:
    method = resolve(account, call.id)
    if method["customer"] is None:
        raise ApiError("The payment method you provided is not attached to a customer so detachment is impossible.")
    account.note(method["id"], is_used=True)
    changed = account.change(method, customer=None)
    emit(account, "payment_method.detached", changed, {"customer": method["customer"]})
    return changed


_WRITABLE: Schema = {
    **EXPAND,
    "address": hash_of(ADDRESS),
    "email": email,
    "metadata": metadata,
    "preferred_locales": list_of(required_string),
    "shipping": hash_of(SHIPPING),
    **names(string, "description name phone"),
}
LIST: Schema = {**PAGING, "created": created, "email": required_string}

OPERATIONS = (
    Operation("POST", "/v1/customers", create, _WRITABLE),
    Operation("GET", "/v1/customers", list_customers, LIST),
    Operation("GET", "/v1/customers/:id", find),
    Operation("POST", "/v1/customers/:id", update, _WRITABLE),
    Operation("DELETE", "/v1/customers/:id", delete, schema={}),
    Operation(
        "POST",
        "/v1/payment_methods/:id/attach",
        attach,
        {**EXPAND, "customer": required_string},
    ),
    Operation("POST", "/v1/payment_methods/:id/detach", detach),
)
