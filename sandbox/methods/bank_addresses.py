"""The bank accounts to which a customer transfers money: each customer has their own."""

from sandbox.methods.iban import account_number, iban_for
from sandbox.store import JsonObject

_HOLDER = "Sandbox"
_ADDRESS: JsonObject = {
    "city": "Dublin", "country": "IE", "line1": "1 North Wall Quay", "line2": None, "postal_code": "D01 T8Y1",
    "state": None,
}  # fmt: skip
_COMMON: JsonObject = {"account_holder_address": _ADDRESS, "account_holder_name": _HOLDER, "bank_address": _ADDRESS}


def addresses(intent: JsonObject) -> list[JsonObject]:
    """Return `financial_addresses` for the kind of transfer that the PaymentIntent asks for."""
    transfer, customer = intent["payment_method_options"]["customer_balance"]["bank_transfer"], intent["customer"]
    if transfer["type"] == "eu_bank_transfer":
        return [_iban(transfer["eu_bank_transfer"]["country"], customer)]
    number = f"{account_number(customer):010}"
    if transfer["type"] == "gb_bank_transfer":
        sort_code = {**_COMMON, "account_number": number[:8], "sort_code": "108800"}
        return [{"sort_code": sort_code, "supported_networks": ["bacs", "fps"], "type": "sort_code"}]
    bank = {**_COMMON, "account_number": number, "account_type": "checking", "bank_name": "STRIPE TEST BANK"}
    return [
        {
            "aba": {**bank, "routing_number": "110000000"},
            "supported_networks": ["ach", "domestic_wire_us"],
            "type": "aba",
        },
        {"supported_networks": ["swift"], "swift": {**bank, "swift_code": "TSTEZ122"}, "type": "swift"},
    ]


def _iban(country: str, customer: str) -> JsonObject:
    bic, iban = iban_for(country, customer)
    details = {**_COMMON, "bic": bic, "country": country, "iban": iban}
    return {"iban": details, "supported_networks": ["sepa"], "type": "iban"}
