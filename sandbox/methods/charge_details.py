"""`payment_method_details` of a Charge, for all types but cards."""

from sandbox.store import JsonObject

_BANK = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
_SEPA = ("bank_code", "branch_code", "country", "fingerprint", "last4")


def charge_details(method: JsonObject) -> JsonObject:
    """Return what the Charge shows of a PaymentMethod; a mandate and a reference are the attempt's to add."""
    kind = method["type"]
    return {"type": kind, kind: _details(kind, method)}


def _details(kind: str, method: JsonObject) -> JsonObject:
    shown = method[kind]
    if kind == "us_bank_account":
        return {**_copied(shown, _BANK), "expected_debit_date": None, "mandate": None, "payment_reference": None}
    if kind == "sepa_debit":
        return {**_copied(shown, _SEPA), "expected_debit_date": None, "mandate": None}
    if kind == "ideal":
        generated = dict.fromkeys(("generated_sepa_debit", "generated_sepa_debit_mandate"))
        bank = {"iban_last4": None, "transaction_id": None, "verified_name": method["billing_details"]["name"]}
        return {**shown, **generated, **bank}
    if kind == "klarna":
        country = (method["billing_details"]["address"] or {}).get("country")
        return {
            "payer_details": {"address": {"country": country}},
            "payment_method_category": "pay_now",
            "preferred_locale": "en-US",
        }
    return dict(shown)


def _copied(shown: JsonObject, names: tuple[str, ...]) -> JsonObject:
    return {name: shown[name] for name in names}
