"""Every operation of the OpenAPI document, with every kind of credential, gives exactly the expected status.

A new endpoint needs a row in OPERATIONS: without one, `test_every_operation_has_a_row` fails.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.auth.scopes import Scope
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.auth.credentials import CART, Credential, all_credentials
from tests.database import Database

NO_ENDPOINT = {"endpoint_id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c20"}
TEN_EUROS = {"amount": 1000, "currency": "eur"}
CONFIRM = {"confirmation_token": "ctoken_1", "amount": 999, "return_url": "https://shop.example"}


@dataclass(frozen=True)
class Row:
    """What an operation asks for, and its status for who has it.

    `scope` None is open to all. `takes_token` is for the three that a browser may call. `path` fills the path's
    parameters; {payment_intent_id} in it is the cart's.
    """

    scope: Scope | None
    status: int = 200
    takes_token: bool = False
    json: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    def expects(self, credential: Credential) -> int:
        if self.scope is None or self.scope in credential.scopes:
            return self.status
        if self.takes_token and credential.reference == CART:
            return self.status
        return 403 if credential.is_valid else 401


OPERATIONS: dict[str, Row] = {
    "put_payment_intent": Row("payments:write", json=TEN_EUROS),
    "put_checkout_session": Row("payments:write", 422, json={"currency": "eur"}),
    "expire_checkout_session": Row("payments:write", 404),
    "confirm_payment_intent": Row("payments:write", 409, json=CONFIRM, takes_token=True),
    "get_payment_intent": Row("payments:read", takes_token=True),
    "get_client_secret": Row("payments:write", takes_token=True),
    "list_attempts": Row("payments:read"),
    "read_timeline": Row("payments:read"),
    "list_events": Row("events:read"),
    "list_generations": Row("payments:read"),
    "list_payment_intents": Row("payments:read"),
    "find_payment_intent": Row("payments:read", 404, path={"payment_intent": "pi_none"}),
    "list_all_refunds": Row("payments:read"),
    "search_payments": Row("payments:read", query={"q": "4242"}),
    "list_disputes": Row("payments:read"),
    "get_dispute": Row("payments:read", 404, path={"dispute": "du_none"}),
    "cancel_payment_intent": Row("payments:write", json={}),
    "capture_payment_intent": Row("payments:write", 409, json={}),  # nothing is held
    "move_payment_intent": Row("payments:write", 404, json={"cart_id": "c9"}),  # the session of this name has none
    "create_checkout_token": Row("payments:write", 201),
    # Nothing is paid, so nothing can be given back.
    "create_refund": Row("refunds:write", 409, json={}, headers={"Idempotency-Key": "refund-1"}),
    "list_refunds": Row("payments:read"),
    "get_refund": Row("payments:read", 404, path={"refund": "re_none"}),
    "create_endpoint": Row("admin", 409, json={"url": "https://orders.example/", "types": ["*"]}),  # no key is set
    "list_endpoints": Row("admin"),
    "get_endpoint": Row("admin", 404, path=NO_ENDPOINT),
    "update_endpoint": Row("admin", 404, json={}, path=NO_ENDPOINT),
    "delete_endpoint": Row("admin", 404, path=NO_ENDPOINT),
    "rotate_secret": Row("admin", 409, json={}, path=NO_ENDPOINT),
    "enable_endpoint": Row("admin", 404, path=NO_ENDPOINT),
    "disable_endpoint": Row("admin", 404, path=NO_ENDPOINT),
    "send_test_event": Row("admin", 409, path=NO_ENDPOINT),
    "list_deliveries": Row("admin", 404, path=NO_ENDPOINT),
    "get_delivery": Row("admin", 404, path=NO_ENDPOINT | {"delivery_id": "1"}),
    "redeliver": Row("admin", 404, path=NO_ENDPOINT | {"delivery_id": "1"}),
    "recover": Row("admin", 404, json={"since": "2026-11-27T00:00:00Z"}, path=NO_ENDPOINT),
    "receive_event": Row(None, 400, json={}),  # its credential is Stripe's signature
    "live": Row(None),
    "ready": Row(None),
}


def operations_of(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the method and path of each operation of the document."""
    return {
        operation["operationId"]: (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def test_every_operation_has_a_row(document: dict[str, Any]) -> None:
    assert operations_of(document).keys() == OPERATIONS.keys()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_each_credential_gives_exactly_its_status(
    name: str,
    anonymous: httpx.AsyncClient,
    resources: Resources,
    database: Database,
    sandbox: SandboxClient,
    document: dict[str, Any],
) -> None:
    row, credentials = OPERATIONS[name], await all_credentials(resources, database)
    method, path = operations_of(document)[name]
    made = await anonymous.put(
        "/v1/carts/c1/payment-intent", json=TEN_EUROS, headers=credentials["payments:write"].headers
    )
    known = {"kind": "carts", "reference_id": "c1", "payment_intent_id": made.json()["id"]}
    url = path.format_map(known | {key: value.format_map(known) for key, value in row.path.items()})

    expected = {shown: row.expects(credential) for shown, credential in credentials.items()}
    answers = {
        # Those that are refused go first: what they must not do would show in the answers of the others.
        shown: await anonymous.request(
            method, url, params=row.query, json=row.json, headers=credentials[shown].headers | row.headers
        )
        for shown in sorted(credentials, key=lambda shown: -expected[shown])
    }

    assert {shown: answer.status_code for shown, answer in answers.items()} == expected
    refusals = [answer for answer in answers.values() if answer.status_code in {401, 403}]
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in refusals)
    assert all(answer.headers["www-authenticate"].startswith("Bearer ") for answer in refusals)
    assert {(answer.status_code, answer.json()["code"]) for answer in refusals} <= {
        (401, "unauthorized"),
        (403, "forbidden"),
    }
