"""Bad input gets a problem with a stable code and the field, stores nothing, and sends nothing to Stripe."""

from typing import Any

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.database import Database

CART = "/v1/carts/c1/payment-intent"
GOOD: dict[str, Any] = {"amount": 1000, "currency": "eur"}


async def _nothing_happened(database: Database, sandbox: SandboxClient) -> bool:
    return await database.is_untouched() and await sandbox.requests() == []


BODIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "amount 0": (GOOD | {"amount": 0}, "amount", "greater_than_equal"),
    "negative amount": (GOOD | {"amount": -1}, "amount", "greater_than_equal"),
    "float amount": (GOOD | {"amount": 10.5}, "amount", "int_type"),
    "whole float amount": (GOOD | {"amount": 10.0}, "amount", "int_type"),
    "amount as text": (GOOD | {"amount": "1000"}, "amount", "int_type"),
    "true as amount": (GOOD | {"amount": True}, "amount", "int_type"),
    "13 digits": (GOOD | {"amount": 1_000_000_000_000}, "amount", "less_than_equal"),
    "40 digits": (GOOD | {"amount": 10**40}, "amount", "less_than_equal"),
    "no amount": ({"currency": "eur"}, "amount", "missing"),
    "unknown currency": (GOOD | {"currency": "xxx"}, "currency", "value_error"),
    "long currency": (GOOD | {"currency": "euro"}, "currency", "string_pattern_mismatch"),
    "null currency": (GOOD | {"currency": None}, "currency", "string_type"),
    "unknown field": (GOOD | {"payment_method_types": ["card"]}, "payment_method_types", "extra_forbidden"),
    "negative version": (GOOD | {"cart_version": -1}, "cart_version", "greater_than_equal"),
    "huge version": (GOOD | {"cart_version": 2**53}, "cart_version", "less_than_equal"),
    "odd customer": (GOOD | {"customer": "42"}, "customer", "string_pattern_mismatch"),
    "odd email": (GOOD | {"receipt_email": "nobody"}, "receipt_email", "string_pattern_mismatch"),
    "NUL": (GOOD | {"description": "a\x00b"}, "description", "string_pattern_mismatch"),
    "our own metadata": (GOOD | {"metadata": {"instance": "live"}}, "metadata", "value_error"),
    "metadata key with brackets": (GOOD | {"metadata": {"a[b]": "c"}}, "metadata", "string_pattern_mismatch"),
    "too much metadata": (GOOD | {"metadata": {f"k{n}": "v" for n in range(45)}}, "metadata", "too_long"),
    "shipping without a name": (GOOD | {"shipping": {"address": {}}}, "shipping.name", "missing"),
    "odd previous": (GOOD | {"previous_payment_intent": "pi_1"}, "previous_payment_intent", "uuid_parsing"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_wrong_field_is_named(
    name: str, api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    body, field, code = BODIES[name]
    answer = await api.put(CART, json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "validation_failed"
    assert [(error["field"].removesuffix(".a[b].[key]"), error["code"]) for error in problem["errors"]] == [
        (field, code)
    ]
    assert await _nothing_happened(database, sandbox)


async def test_amount_0_says_what_to_do_instead(api: httpx.AsyncClient) -> None:
    answer = await api.put(CART, json=GOOD | {"amount": 0})
    assert "cancel" in answer.json()["errors"][0]["message"]


IDS = {
    "empty": "/v1/carts//payment-intent",
    "over-long": f"/v1/carts/{'x' * 256}/payment-intent",
    "with a NUL": "/v1/carts/a%00b/payment-intent",
    "with a newline": "/v1/carts/a%0A/payment-intent",
    "with a line separator": "/v1/carts/a%E2%80%A8b/payment-intent",
    "of no width": "/v1/carts/%E2%80%8B/payment-intent",
    "written backwards": "/v1/carts/a%E2%80%AEb/payment-intent",
    "one dot": "/v1/carts/%2E/payment-intent",
    "two dots": "/v1/carts/%2E%2E/payment-intent",
    "a slash and a NUL": "/v1/carts/a%2F%00/payment-intent",
    "bad UTF-8": "/v1/carts/%FF/payment-intent",
}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_invalid_id_is_named(
    name: str, method: str, api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    answer = await api.request(method, httpx.URL(str(api.base_url).rstrip("/") + IDS[name]), json=GOOD)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["path.reference_id"]
    assert await _nothing_happened(database, sandbox)


async def test_an_unknown_kind_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.put("/v1/orders/o1/payment-intent", json=GOOD)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "path.kind"


@pytest.mark.parametrize(
    "body",
    [b'{"amount": 1000,', b"", b"\xff\xfe", b"[]", b'"text"', b"NaN"],
    ids=["cut off", "empty", "no text", "a list", "a string", "NaN"],
)
async def test_a_body_that_is_no_json_object_is_refused(
    body: bytes, api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    answer = await api.put(CART, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"malformed_json", "validation_failed"}
    assert await _nothing_happened(database, sandbox)


async def test_broken_json_has_a_code_of_its_own(api: httpx.AsyncClient) -> None:
    answer = await api.put(CART, content=b'{"amount": 1000,', headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("headers", [{}, {"content-length": "70000"}], ids=["without a length", "with a length"])
async def test_a_body_over_the_limit_is_refused(headers: dict[str, str], api: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(70):
            yield b"x" * 1000

    answer = await api.put(CART, content=chunks(), headers=headers | {"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", "Bearer pay_1_2", "Basic cGF5OnBheQ==", "Bearer pay_é_é", "Bearer pay__"],
    ids=["none", "no key", "another word", "a short key", "Basic", "not ASCII", "an empty key"],
)
async def test_without_a_valid_key_nothing_is_done(
    authorization: str, anonymous: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    headers = [(b"Authorization", authorization.encode())] if authorization else []
    answer = await anonymous.put(CART, json=GOOD, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await _nothing_happened(database, sandbox)


async def test_a_wrong_secret_of_a_known_key_is_refused(anonymous: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    good = api.headers["Authorization"]
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    answer = await anonymous.get("/v1/carts/c1/attempts", headers={"Authorization": wrong})
    assert answer.status_code == 401


async def test_a_key_without_the_scope_is_refused(anonymous: httpx.AsyncClient, new_key: Any) -> None:
    key = await new_key("payments:read")
    answer = await anonymous.put(CART, json=GOOD, headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_unknown_address_and_a_wrong_method_are_problems(api: httpx.AsyncClient) -> None:
    unknown, wrong = await api.get("/v1/nothing"), await api.delete(CART)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_an_answer_never_repeats_what_was_sent(api: httpx.AsyncClient) -> None:
    answer = await api.put(CART, json=GOOD | {"receipt_email": "4242424242424242"})
    assert "4242" not in answer.text
