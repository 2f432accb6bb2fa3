"""What a Checkout Session and its line items look like."""

from typing import Any

from sandbox.account import Account
from sandbox.store import JsonObject

_ABSENT = (
    "after_expiration allow_promotion_codes allowed_payment_method_types billing_address_collection "
    "branding_settings client_secret collected_information consent consent_collection currency_conversion "
    "customer_account discounts integration_identifier invoice managed_payments origin_context payment_intent "
    "payment_link payment_method_configuration_details permissions recovered_from saved_payment_method_options "
    "setup_intent shipping_address_collection shipping_cost subscription wallet_options"
)


def new_session(account: Account, given: dict[str, Any], items: list[JsonObject], expires_at: int) -> JsonObject:
    identifier = account.ids.new("cs_test")
    total = sum(item["amount_total"] for item in items)
    email = given.get("customer_email")
    return {
        "id": identifier,
        "object": "checkout.session",
        **dict.fromkeys(_ABSENT.split()),
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "created": account.clock.timestamp(),
        "currency": items[0]["currency"],
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": given.get("customer"),
        "customer_creation": given.get("customer_creation", "if_required"),
        "customer_details": customer_details(email=email) if email else None,
        "customer_email": email,
        "expires_at": expires_at,
        "invoice_creation": {"enabled": False, "invoice_data": _invoice_data()},
        "livemode": False,
        "locale": given.get("locale"),
        "metadata": given.get("metadata") or {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "success_url": given.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{account.base_url}/_sandbox/checkout/{identifier}",
    }


def _invoice_data() -> JsonObject:
    absent = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    return {**dict.fromkeys(absent), "metadata": {}}


def customer_details(*, email: str | None, name: str | None = None) -> JsonObject:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def new_item(account: Account, given: dict[str, Any]) -> JsonObject:
    price, quantity = given["price_data"], given.get("quantity", 1)
    total = price["unit_amount"] * quantity
    return {
        "id": account.ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": (price.get("product_data") or {}).get("name"),
        "metadata": {},
        "price": _price(account, price),
        "quantity": quantity,
    }


def _price(account: Account, given: dict[str, Any]) -> JsonObject:
    return {
        "id": account.ids.new("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": account.clock.timestamp(),
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": given.get("product") or account.ids.new("prod"),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": given["unit_amount"],
        "unit_amount_decimal": str(given["unit_amount"]),
    }
