"""What is wrong with a request itself is said in a problem document, and in the log with the request's id."""

import json
import random
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.http.problems import MAX_ERRORS, MAX_NAME
from app.http.security_headers import HEADERS
from app.settings import Settings
from tests.conftest import NewKey
from tests.database import Database

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


@pytest.mark.parametrize("sent", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml; a=+json"])
async def test_a_body_that_is_not_said_to_be_json_is_a_415_that_names_the_header(
    api: httpx.AsyncClient, database: Database, sent: str | None
) -> None:
    headers = {} if sent is None else {"Content-Type": sent}
    answer = await api.put(CART, content=b'{"amount": 1000, "currency": "eur"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Type: application/json" in answer.json()["detail"]
    assert await database.is_untouched()


@pytest.mark.parametrize("sent", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.shop+json"])
async def test_a_body_of_json_is_read(api: httpx.AsyncClient, sent: str) -> None:
    answer = await api.put(CART, content=b'{"amount": 1000, "currency": "eur"}', headers={"Content-Type": sent})
    assert answer.status_code == 201


@pytest.mark.parametrize("path", ["payment-intent/cancel", "payment-intent/capture", "refunds"])
async def test_a_body_of_which_nothing_is_required_may_be_left_out(
    new_key: NewKey, api: httpx.AsyncClient, path: str
) -> None:
    await api.put(CART, json={"amount": 1000, "currency": "eur"})
    key = await new_key("payments:write", "refunds:write")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "return-1"}
    bare = await api.post(f"/v1/carts/c1/{path}", headers=headers)
    empty = await api.post(f"/v1/carts/c1/{path}", headers=headers, json={})
    assert bare.status_code == empty.status_code != 422
    assert bare.json().get("code") == empty.json().get("code")


async def test_a_slash_at_the_end_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{CART}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "slash" in answer.json()["detail"]


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


def odd_cursors(count: int) -> Iterator[str]:
    """Yield cursors made of the parts of real ones: a time, a bar and an id, in Base64."""
    chance = random.Random(count)  # noqa: S311 - it chooses, it guards nothing
    years = ("0000", "0001", "1999", "2000", "2026", "9998", "9999", "10000", "+2026", "-001")
    days = ("-01-01", "-02-30", "-12-31", "-W01-1", "", "0101", "-1-1")
    times = ("T00:00:00", "T23:59:59.999999", "T24:00:00", "T23:59:60", " 10:00", "", "T00:00:00.0000000001")
    zones = ("", "Z", "+00:00", "+14:00", "-14:00", "+23:59:59.999999", "-23:59", "+24:00", "+99:99", "\x00")
    bars = ("|", "|", "|", "||", "", "\uff5c", "\x00")
    ids = (
        str(uuid4()),
        uuid4().hex,
        f"{{{uuid4()}}}",
        f"urn:uuid:{uuid4()}",
        "0" * 32,
        "f" * 33,
        "",
        "\x00",
        "\u0661" * 32,
    )
    encoded = (
        lambda text: urlsafe_b64encode(text).decode(),
        lambda text: b64encode(text).decode(),
        lambda text: text.hex(),
    )
    for _ in range(count):
        parts = "".join(chance.choice(each) for each in (years, days, times, zones, bars, ids))
        yield chance.choice(encoded)(parts.encode() + chance.choice((b"", b"", b"", b"|", b"\xff")))


async def test_no_cursor_is_a_500(api: httpx.AsyncClient) -> None:
    await api.put(CART, json={"amount": 1000, "currency": "eur"})
    seen = set()
    for cursor_ in odd_cursors(300):
        answer = await api.get("/v1/carts/c1/attempts", params={"after": cursor_[:200]})
        assert (answer.status_code, answer.json().get("code")) in {(200, None), (422, "invalid_cursor")}, cursor_
        seen.add(answer.status_code)
    assert seen == {200, 422}


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
