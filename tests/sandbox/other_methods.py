"""What the tests of the other payment methods send."""

from typing import Any

import httpx
import stripe

from tests.sandbox.running import MANDATE, http

SHOP = "https://shop.example/done"
DAY = 86_400
_ADDRESS = {"line1": "Rua 1", "city": "São Paulo", "state": "SP", "postal_code": "01000-000", "country": "BR"}
_PERSON = {"name": "Ada", "email": "ada@example.com", "address": _ADDRESS}

DATA: dict[str, Any] = {
    "boleto": {"type": "boleto", "boleto": {"tax_id": "000.000.000-00"}, "billing_details": _PERSON},
    "customer_balance": {"type": "customer_balance"},
    "ideal": {"type": "ideal", "ideal": {"bank": "ing"}},
    "klarna": {"type": "klarna", "billing_details": _PERSON},
    "multibanco": {"type": "multibanco", "billing_details": {"email": "ada@example.com"}},
    "sepa_debit": {
        "type": "sepa_debit",
        "sepa_debit": {"iban": "AT61 1904 3002 3457 3201"},
        "billing_details": {"name": "Ada", "email": "ada@example.com"},
    },
    "us_bank_account": {
        "type": "us_bank_account",
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_number": "000123456789",
            "routing_number": "110000000",
        },
        "billing_details": {"name": "Ada"},
    },
}
CURRENCIES = {"boleto": "brl", "us_bank_account": "usd"}
NEEDS: dict[str, Any] = {
    "ideal": {"return_url": SHOP},
    "klarna": {"return_url": SHOP},
    "sepa_debit": {"mandate_data": MANDATE},
    "us_bank_account": {"mandate_data": MANDATE},
    "customer_balance": {
        "payment_method_options": {
            "customer_balance": {
                "funding_type": "bank_transfer",
                "bank_transfer": {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": "DE"}},
            }
        }
    },
}


def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "ada@example.com"}).id


def waiting(client: stripe.StripeClient, kind: str, **params: Any) -> stripe.PaymentIntent:
    """Confirm a payment of ten units with this type; it then waits for the shopper or the bank."""
    wanted: Any = {
        "amount": 1000,
        "currency": CURRENCIES.get(kind, "eur"),
        "confirm": True,
        "allowed_payment_method_types": [kind],
        "payment_method_data": DATA[kind],
        **NEEDS.get(kind, {}),
        **params,
    }
    if kind == "customer_balance":
        wanted.setdefault("customer", customer(client))
    return client.v1.payment_intents.create(wanted)


def with_email(kind: str, email: str) -> Any:
    billing = {**DATA[kind]["billing_details"], "email": email}
    return {**DATA[kind], "billing_details": billing}


def with_iban(iban: str) -> Any:
    return {**DATA["sepa_debit"], "sepa_debit": {"iban": iban}}


def action(intent: stripe.PaymentIntent) -> dict[str, Any]:
    """Return the details of what the payment waits for."""
    assert intent.next_action is not None
    found = intent.next_action.to_dict()
    details: dict[str, Any] = found[found["type"]]
    return details


def status(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> str:
    return client.v1.payment_intents.retrieve(intent.id).status


def choose(url: str, outcome: str) -> httpx.Response:
    """Press a button on a page of the sandbox."""
    return http.post(url, data={"outcome": outcome})
