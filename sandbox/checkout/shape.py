"""What a Checkout Session looks like."""

from typing import Any

from sandbox.account import Account
from sandbox.checkout.items import total
from sandbox.store import JsonObject

_ABSENT = (
    "after_expiration allow_promotion_codes billing_address_collection branding_settings collected_information "
    "consent consent_collection currency_conversion customer_account discounts integration_identifier invoice "
    "managed_payments origin_context payment_intent payment_link payment_method_configuration_details permissions "
    "recovered_from saved_payment_method_options setup_intent shipping_address_collection shipping_cost subscription "
    "wallet_options"
)
_AS_GIVEN = (
    "allowed_payment_method_types", "cancel_url", "client_reference_id", "customer", "customer_email", "locale",
    "submit_type", "success_url",
)  # fmt: skip
_ONLY_IF_GIVEN = ("excluded_payment_method_types", "return_url")


def new_session(
    account: Account, given: dict[str, Any], items: list[JsonObject], types: list[str], expires_at: int
) -> JsonObject:
    identifier = account.ids.new("cs_test")
    email = given.get("customer_email")
    return {
        "id": identifier,
        "object": "checkout.session",
        **dict.fromkeys(_ABSENT.split()),
        **{name: given.get(name) for name in _AS_GIVEN},
        **{name: given[name] for name in _ONLY_IF_GIVEN if name in given},
        "adaptive_pricing": {"enabled": account.config.adaptive_pricing, **(given.get("adaptive_pricing") or {})},
        "amount_subtotal": total(items),
        "amount_total": total(items),
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": account.clock.timestamp(),
        "currency": items[0]["currency"],
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": given.get("customer_creation", "if_required"),
        "customer_details": customer_details(email=email) if email else None,
        "expires_at": expires_at,
        "invoice_creation": {"enabled": False, "invoice_data": _invoice_data()},
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": given.get("payment_method_options") or {},
        "payment_method_types": types,
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        **_place(account, identifier, given),
    }


def _place(account: Account, identifier: str, given: dict[str, Any]) -> JsonObject:
    """Return where the shopper pays: on a page with an address, or in the shop's page with a client secret."""
    mode = given.get("ui_mode", "hosted_page")
    if mode == "hosted_page":
        url = f"{account.base_url}/_sandbox/checkout/{identifier}"
        return {"ui_mode": mode, "client_secret": None, "url": url}
    place = {"ui_mode": mode, "client_secret": f"{identifier}_secret_{account.ids.token('secret')}", "url": None}
    if mode == "embedded_page":
        place["redirect_on_completion"] = given.get("redirect_on_completion", "always")
    return place


def return_url(account: Account, session: JsonObject) -> str:
    """Return where a payment that leads away comes back to: our own page, or the shop's."""
    if session["ui_mode"] == "elements":
        return with_id(session["return_url"], session)
    page = f"{account.base_url}/_sandbox/checkout/{session['id']}"
    return page if session["ui_mode"] == "hosted_page" else f"{page}?client_secret={session['client_secret']}"


def with_id(url: str, session: JsonObject) -> str:
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


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
