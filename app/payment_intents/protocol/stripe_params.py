"""What a payment owes and how, as form parameters for Stripe, and what those said that were sent."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from app.payment_intents.protocol.checkout import (
    MAX_CLIENT_REFERENCE,
    OF_PAYMENT,
    CheckoutTerms,
    checkout_in,
    items_param,
    urls_param,
)
from app.payment_intents.protocol.terms import (
    FIELDS,
    AppliedTerms,
    PaymentTerms,
    Shipping,
    StripeMetadata,
    terms_of,
    without_ours,
)


def create_params(
    terms: PaymentTerms, revision: int, metadata: StripeMetadata, expires_at: datetime | None = None
) -> str:
    """Return the parameters of the create call as JSON. They are frozen in the row: its key allows no others."""
    if terms.checkout is not None:
        return json.dumps(_checkout_params(terms, terms.checkout, revision, metadata, expires_at))
    ours = {**terms.metadata, **metadata.of_request(terms, revision)}
    params = {name: _plain(getattr(terms, name)) for name in FIELDS if getattr(terms, name) is not None}
    params["metadata"] = {name: value for name, value in ours.items() if value != ""}
    if terms.allowed_payment_method_types is None:  # Stripe takes one of the two
        params["automatic_payment_methods"] = {"enabled": True}
    return json.dumps(params)


def _checkout_params(
    terms: PaymentTerms,
    checkout: CheckoutTerms,
    revision: int,
    metadata: StripeMetadata,
    expires_at: datetime | None,
) -> dict[str, Any]:
    """Return the parameters that open a Checkout Session. Our metadata is on it and on its PaymentIntent."""
    ours = {**terms.metadata, **metadata.of_request(terms, revision)}
    marks = {name: value for name, value in ours.items() if value != ""}
    of_payment = {name: _plain(getattr(terms, name)) for name in OF_PAYMENT if getattr(terms, name) is not None}
    email = terms.receipt_email if terms.customer is None else None
    reference_id = metadata.reference.id
    optional = {
        "client_reference_id": reference_id if len(reference_id) <= MAX_CLIENT_REFERENCE else None,
        "customer": terms.customer,
        "customer_email": email,
        "excluded_payment_method_types": _plain(terms.excluded_payment_method_types),
        "expires_at": None if expires_at is None else int(expires_at.timestamp()),
    }
    return {
        "mode": "payment",
        "ui_mode": checkout.ui_mode,
        "line_items": items_param(checkout, terms.currency),
        "metadata": marks,
        "payment_intent_data": {**of_payment, "capture_method": terms.capture_method, "metadata": marks},
        "adaptive_pricing": {"enabled": False},
        **{name: value for name, value in optional.items() if value is not None},
        **urls_param(checkout),
    }


def created_with(params: str) -> AppliedTerms:
    """Return the terms and the revision that a create call asked for."""
    sent = json.loads(params)
    metadata = sent["metadata"]
    version = metadata.get("cart_version")
    ours = {"metadata": without_ours(metadata), "cart_version": None if version is None else int(version)}
    values = {name: sent.get(name) for name in FIELDS}
    if "line_items" in sent:
        values |= sent["payment_intent_data"] | _price_of(sent["line_items"])
    checkout = checkout_in(sent) if "line_items" in sent else None
    return AppliedTerms(replace(terms_of(values | ours), checkout=checkout), int(metadata["revision"]))


def _price_of(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    amount = sum(each["price_data"]["unit_amount"] * each["quantity"] for each in items)
    return {"amount": amount, "currency": items[0]["price_data"]["currency"]}


def update_params(
    held: PaymentTerms, requested: PaymentTerms, revision: int, metadata: StripeMetadata, again: Collection[str] = ()
) -> dict[str, Any]:
    """Return the parameters that turn what Stripe holds into what is requested, with what is to be sent `again`.

    An empty string unsets. What is held already, and what Stripe can't unset, is not sent.
    """
    wanted = requested.filled_from(held)
    marks = {
        **dict.fromkeys(held.metadata, ""),
        **requested.metadata,
        **metadata.of_request(requested, revision),
    }
    if requested.checkout is not None:
        return _items_changed(held, requested, requested.checkout, again) | {"metadata": marks}
    changed = [
        name
        for name in FIELDS
        if getattr(wanted, name) != getattr(held, name) or (name in again and getattr(wanted, name) is not None)
    ]
    values = {name: _plain(getattr(wanted, name)) for name in changed}
    return {name: "" if value is None else value for name, value in values.items()} | {"metadata": marks}


def _items_changed(
    held: PaymentTerms, requested: PaymentTerms, checkout: CheckoutTerms, again: Collection[str]
) -> dict[str, Any]:
    is_same = held.price == requested.price and held.checkout == checkout
    if not checkout.takes_items or (is_same and "line_items" not in again):
        return {}
    return {"line_items": items_param(checkout, requested.currency)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return asdict(value) if isinstance(value, Shipping) else value
