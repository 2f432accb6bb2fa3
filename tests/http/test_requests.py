"""What is wrong with a request itself is said in a problem document, and in the log with the request's id."""

import json
from base64 import urlsafe_b64encode
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.http.problems import MAX_ERRORS, MAX_NAME
from app.http.security_headers import HEADERS
from app.settings import Settings

CART = "/v1/carts/c1/payment-intent"
JSON = {"Content-Type": "application/json"}
API_KEY = f"pay_0123456789abcdef_{'5e' * 32}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"amount": 1, "amount": 10000, "currency": "eur"}', id="at the top"),
        pytest.param('{"amount": 1, "currency": "eur", "metadata": {"a": "1", "a": "2"}}', id="inside"),
        pytest.param('{"amount": 1, "currency": "eur", "\\u0061mount": 2}', id="in another spelling"),
    ],
)
async def test_a_json_key_that_stands_twice_is_a_400(api: httpx.AsyncClient, body: str) -> None:
    answer = await api.put(CART, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "duplicate_json_key")


def cursor(time: str) -> str:
    return urlsafe_b64encode(f"{time}|{uuid4()}".encode()).decode()


@pytest.mark.parametrize("path", ["attempts", "refunds"])
@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59+00:00",
        "0001-01-01T00:00:00+00:00",
        "1999-12-31",
        "",
        "now",
    ],
)
async def test_a_cursor_that_no_row_has_is_a_422(api: httpx.AsyncClient, path: str, time: str) -> None:
    answer = await api.get(f"/v1/carts/c1/{path}", params={"after": cursor(time)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("path", ["attempts", "refunds"])
@pytest.mark.parametrize(
    "time", ["2026-11-25T10:00:00+00:00", "2026-11-25T10:00:00.123456+14:00", "2100-01-01T00:00:00Z"]
)
async def test_any_other_cursor_is_taken(api: httpx.AsyncClient, path: str, time: str) -> None:
    await api.put(CART, json={"amount": 1000, "currency": "eur"})
    answer = await api.get(f"/v1/carts/c1/{path}", params={"after": cursor(time)})
    assert answer.status_code == 200


async def test_the_name_of_an_unknown_field_is_cut_and_redacted(api: httpx.AsyncClient) -> None:
    names = [API_KEY, f"x.{API_KEY}." * 150, "y" * 30_000]
    answer = await api.put(CART, json={"amount": 1, "currency": "eur"} | dict.fromkeys(names, 1))
    assert answer.status_code == 422
    fields = [error["field"] for error in answer.json()["errors"]]
    assert len(fields) == len(names)
    assert all(len(field) <= MAX_NAME + 1 for field in fields)
    assert "5e5e" not in answer.text


async def test_of_very_many_wrong_fields_some_are_listed(api: httpx.AsyncClient) -> None:
    answer = await api.put(CART, json={f"a{number}": 1 for number in range(3000)})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == MAX_ERRORS


@pytest.mark.parametrize("sent", ["a", "f0e1-2.3_X", "x" * 64])
async def test_a_well_formed_request_id_is_kept(anonymous: httpx.AsyncClient, sent: str) -> None:
    with capture_logs() as lines:
        answer = await anonymous.get(CART, headers={"X-Request-ID": sent})
    assert answer.headers["x-request-id"] == sent
    assert answer.json()["request_id"] == sent
    assert [line["event"] for line in lines if line["event"] == "request.answered"] == ["request.answered"]


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "<script>", "\u00e4"])
async def test_any_other_request_id_is_replaced(anonymous: httpx.AsyncClient, sent: str) -> None:
    answer = await anonymous.get("/livez", headers={b"X-Request-ID": sent.encode()})
    assert len(answer.headers["x-request-id"]) == 32


async def test_every_answer_has_an_id_of_its_own(api: httpx.AsyncClient) -> None:
    paths = ["/livez", "/readyz", CART, "/none", "/v1/carts/c1/attempts?limit=0", "/docs"]
    ids = [(await api.get(path)).headers["x-request-id"] for path in paths]
    ids.append((await api.post("/v1/stripe/webhook", content=b"{}")).headers["x-request-id"])
    assert len(set(ids)) == len(ids)


async def test_the_log_line_of_a_problem_names_its_code_and_it_is_counted(api: httpx.AsyncClient) -> None:
    labels = {"route": "/v1/{kind}/{reference_id}/payment-intent", "code": "payment_intent_not_found"}
    before = REGISTRY.get_sample_value("payments_problems_total", labels) or 0
    with capture_logs() as lines:
        await api.get(CART)
    [line] = [line for line in lines if line["event"] == "request.answered"]
    assert (line["status"], line["code"]) == (404, "payment_intent_not_found")
    assert line["reason"]
    assert REGISTRY.get_sample_value("payments_problems_total", labels) == before + 1


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "there is no"),
        ("t=1790000000", "is not `t=…,v1=…`"),
        (f"t=1790000000,v1={'0' * 64}", "no secret in STRIPE_WEBHOOK_SECRET"),
    ],
)
async def test_the_log_says_why_a_signature_was_refused(anonymous: httpx.AsyncClient, header: str, reason: str) -> None:
    with capture_logs() as lines:
        answer = await anonymous.post("/v1/stripe/webhook", content=b"{}", headers={"Stripe-Signature": header})
    [line] = [line for line in lines if line["event"] == "request.answered"]
    assert line["code"] == "invalid_signature"
    assert reason in line["reason"]
    assert reason not in answer.text


class TestProduction:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"serve_docs": False})

    async def test_the_page_that_is_off_answers_like_all_others(self, anonymous: httpx.AsyncClient) -> None:
        answer = await anonymous.get("/docs")
        assert answer.status_code == 404
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert json.loads(answer.content)["code"] == "not_found"


async def test_metrics_are_not_on_the_public_port(api: httpx.AsyncClient) -> None:
    assert (await api.get("/metrics")).status_code == 404


async def test_a_forwarded_address_of_a_proxy_that_is_not_configured_is_said_once(anonymous: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            await anonymous.get("/livez", headers={"X-Forwarded-For": "203.0.113.9"})
    assert [line["address"] for line in lines if line["event"] == "proxy.not_trusted"] == ["127.0.0.1"]
