"""Create, retrieve, update, cancel and list PaymentIntents."""

from typing import Any

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import merged
from sandbox.config import OPEN_STATUSES
from sandbox.confirmation_tokens import with_confirmation_token
from sandbox.currencies import check_amount
from sandbox.errors import ApiError, InvalidParamError, NotImplementedHereError, UnexpectedStateError, missing
from sandbox.events import emit
from sandbox.methods import microdeposits
from sandbox.methods.types import usable_types, without_redirects
from sandbox.payment_intents import params, shape
from sandbox.payment_intents.cancel import cancel, check_not_of_session
from sandbox.payment_intents.capture import capture
from sandbox.payment_intents.confirm import CONFIRM_ONLY, check_confirmable, confirm, confirm_intent, note_shipping
from sandbox.payment_intents.descriptor import check_descriptor
from sandbox.payment_intents.find import find
from sandbox.payment_intents.search import search
from sandbox.payment_methods import check_usable, from_data, resolve
from sandbox.store import JsonObject

_CUSTOMER_SET = (
    "You cannot modify `customer` on a PaymentIntent once it already has been set. To fulfill a payment with a "
    "different Customer, cancel this PaymentIntent and create a new one."
)
_NOT_FIELDS = {
    *CONFIRM_ONLY,
    *("automatic_payment_methods", "confirm", "expand", "metadata"),
    *("payment_method", "payment_method_data", "payment_method_options"),
}
_TEXTS = frozenset({"description", "expand", "metadata", "receipt_email", "shipping"})
_TYPE_PARAMS = frozenset(
    {"allowed_payment_method_types", "capture_method", "currency", "customer", "excluded_payment_method_types"}
)
_TYPE_CHOICES = ("automatic_payment_methods", "excluded_payment_method_types", "payment_method_configuration")


def create(account: Account, call: Call) -> JsonObject:
    call = with_confirmation_token(account, call)
    given = call.params
    check_amount(given["amount"], given["currency"], account.config.unconfirmed)
    _check_combination(given)
    _check_customer(account, given)
    types = method_types(account, given)
    check_descriptor(types["payment_method_types"], given)
    method = chosen_method(account, given, given.get("customer"))
    intent = shape.new(
        account,
        **{name: value for name, value in given.items() if name not in _NOT_FIELDS},
        **types,
        metadata=merged({}, given.get("metadata") or {}),
        payment_method=method and method["id"],
        payment_method_options=shape.with_options(types, given),
        status="requires_confirmation" if method else "requires_payment_method",
    )
    if given.get("confirm"):
        check_confirmable(account, intent, call, method)
    account.add(intent)
    note_shipping(account, intent, call)
    if account.config.unconfirmed.abandoned_after is not None:
        account.timers.add(account.config.unconfirmed.abandoned_after.total_seconds(), "abandon", intent["id"])
    emit(account, "payment_intent.created", intent)
    return confirm_intent(account, intent, call, method) if given.get("confirm") else intent


def chosen_method(account: Account, given: dict[str, Any], customer: str | None) -> JsonObject | None:
    """Return the PaymentMethod that the parameters name or describe; raise ApiError if it is not for this customer."""
    if "payment_method" in given:
        method = resolve(account, given["payment_method"])
        check_usable(account, method, customer)
        return method
    data = given.get("payment_method_data")
    return None if data is None else from_data(account, data)


def check_one_choice(given: dict[str, Any]) -> None:
    """Raise InvalidParamError where payment method types are allowed by one parameter and chosen by another."""
    for other in _TYPE_CHOICES:
        if "allowed_payment_method_types" in given and other in given:
            message = f"You may only specify one of these parameters: allowed_payment_method_types, {other}."
            raise InvalidParamError(message, param=other)


def _check_combination(given: dict[str, Any]) -> None:
    check_one_choice(given)
    if not given.get("confirm"):
        for name in CONFIRM_ONLY:
            if name in given:
                message = f"The parameter `{name}` cannot be passed when creating a PaymentIntent without `confirm`."
                raise InvalidParamError(message, param=name)
    if given.get("error_on_requires_action") and "allowed_payment_method_types" not in given:
        message = "`error_on_requires_action` cannot be used with `automatic_payment_methods`."
        raise InvalidParamError(message, param="error_on_requires_action")


def _check_customer(account: Account, given: dict[str, Any]) -> None:
    customer = given.get("customer")
    if customer is not None and account.get("customer", customer) is None:
        raise missing("customer", customer, "customer")


def _check_customer_change(account: Account, intent: JsonObject, given: dict[str, Any]) -> None:
    if "customer" not in given or intent["customer"] is None:
        return
    is_same = given["customer"] == intent["customer"]
    if is_same and account.config.unconfirmed.same_customer_again == "accept":
        return
    if not is_same and account.config.lenient.customer_changes:
        return
    raise UnexpectedStateError(_CUSTOMER_SET, intent, account.config.unconfirmed.unexpected_state_param)


def method_types(account: Account, given: dict[str, Any]) -> dict[str, Any]:
    """Decide between automatic payment methods, the default, and an explicit list."""
    usable = usable_types(given)
    allowed = given.get("allowed_payment_method_types")
    if allowed is not None:
        types = [kind for kind in usable if kind in allowed]
        if not types:
            message = "None of the allowed payment method types can be used for this PaymentIntent."
            raise InvalidParamError(message, param="allowed_payment_method_types")
        return {"payment_method_types": types, "automatic_payment_methods": None}
    excluded = given.get("excluded_payment_method_types") or ()
    automatic = {
        "allow_redirects": "always",
        "enabled": True,
        **(given.get("automatic_payment_methods") or {}),
    }
    enabled = [kind for kind in usable if kind in account.config.enabled_methods and kind not in excluded]
    return {
        "payment_method_types": without_redirects(enabled) if automatic["allow_redirects"] == "never" else enabled,
        "automatic_payment_methods": automatic if automatic["enabled"] else None,
    }


def retrieve(account: Account, call: Call) -> JsonObject:
    return find(account, call)


def update(account: Account, call: Call) -> JsonObject:
    intent = find(account, call)
    given = call.params
    _check_session_allows(account, intent, given)
    _check_updatable(account, intent, given)
    _check_customer(account, given)
    _check_customer_change(account, intent, given)
    check_descriptor(intent["payment_method_types"], given)
    changes = {name: value for name, value in given.items() if name not in _NOT_FIELDS}
    if "metadata" in given:
        changes["metadata"] = merged(intent["metadata"], given["metadata"])
    changes |= _changed_amount(account, intent, given)
    if not _TYPE_PARAMS.isdisjoint(given):
        changes["payment_method_types"] = method_types(account, {**intent, **given})["payment_method_types"]
    changes["payment_method_options"] = shape.with_options({**intent, **changes}, given)
    method = chosen_method(account, given, {**intent, **changes}["customer"])
    note_shipping(account, intent, call)
    if method is not None:
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return account.change(intent, **changes, last_payment_error=None)


def _check_session_allows(account: Account, intent: JsonObject, given: dict[str, Any]) -> None:
    """Refuse to change what is owed by a Checkout Session; of the rest only texts are sure to be updatable."""
    if "session" not in account.notes(intent["id"]):
        return
    if not given.keys().isdisjoint({"amount", "currency"}):
        check_not_of_session(account, intent, "update the amount of")
    for name in given:
        if name not in _TEXTS:
            raise NotImplementedHereError(f"an update of {name} of a Checkout Session's PaymentIntent", param=name)


def _check_updatable(account: Account, intent: JsonObject, given: dict[str, Any]) -> None:
    for name in given:
        statuses = params.statuses_for(account, name)
        if intent["status"] not in statuses or _is_fixed_by_action(account, intent, name):
            message = (
                f"This PaymentIntent's {name} could not be updated because it has a status of {intent['status']}. "
                f"You may only update the {name} of a PaymentIntent with one of the following statuses: "
                f"{params.listed(statuses)}."
            )
            raise UnexpectedStateError(message, intent, account.config.unconfirmed.unexpected_state_param)
    if "transfer_group" in given and intent["transfer_group"] not in {None, given["transfer_group"]}:
        raise ApiError("The transfer_group cannot be changed once it is set.", param="transfer_group")


def _is_fixed_by_action(account: Account, intent: JsonObject, name: str) -> bool:
    policy = account.config.unconfirmed.updates_during_action
    if intent["status"] != "requires_action" or policy == "all" or name == "expand":
        return False
    return policy == "none" or name not in {"metadata", "description"}


def _changed_amount(account: Account, intent: JsonObject, given: dict[str, Any]) -> dict[str, Any]:
    wanted = {**intent, **given}
    if all(wanted[name] == intent[name] for name in ("amount", "currency")):
        return {}
    check_amount(wanted["amount"], wanted["currency"], account.config.unconfirmed)
    if intent["status"] != "requires_action":
        return {}
    policy = account.config.unconfirmed.amount_update_during_action
    if policy == "refuse":
        statuses = params.listed(OPEN_STATUSES - {"requires_action"})
        message = (
            "This PaymentIntent's amount could not be updated because it has a status of requires_action. You may "
            f"only update the amount of a PaymentIntent with one of the following statuses: {statuses}."
        )
        raise UnexpectedStateError(message, intent, account.config.unconfirmed.unexpected_state_param)
    return {} if policy == "keep" else {"status": "requires_confirmation", "next_action": None}


def list_payment_intents(account: Account, call: Call) -> JsonObject:
    customer = call.params.get("customer")
    found = account.store.newest("payment_intent")
    return page(call, (intent for intent in found if customer in {None, intent["customer"]}))


OPERATIONS = (
    Operation("POST", "/v1/payment_intents", create, params.CREATE),
    Operation("GET", "/v1/payment_intents", list_payment_intents, params.LIST),
    Operation("GET", "/v1/payment_intents/search", search, params.SEARCH),
    Operation("GET", "/v1/payment_intents/:id", retrieve, params.RETRIEVE, allows_publishable=True),
    Operation("POST", "/v1/payment_intents/:id", update, params.UPDATE),
    Operation("POST", "/v1/payment_intents/:id/confirm", confirm, params.CONFIRM, allows_publishable=True),
    Operation(
        "POST",
        "/v1/payment_intents/:id/verify_microdeposits",
        microdeposits.verify,
        microdeposits.VERIFY,
        allows_publishable=True,
    ),
    Operation("POST", "/v1/payment_intents/:id/capture", capture, params.CAPTURE),
    Operation("POST", "/v1/payment_intents/:id/cancel", cancel, params.CANCEL),
)
