"""What every answer carries: security headers, problems, and no banner."""

import httpx
import pytest

from app.settings import Settings
from tests.conftest import NewKey
from tests.processes import api_process

PATHS = ("/livez", "/v1/carts/c1/payment-intent", "/nowhere", "/openapi.json")


async def test_every_answer_has_the_security_headers_and_no_banner(api: httpx.AsyncClient) -> None:
    for path in PATHS:
        answer = await api.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("credential", "status", "told"),
    [
        (None, 401, 'Bearer realm="payments"'),
        ("wrong", 401, 'Bearer realm="payments", error="invalid_token"'),
        ("read", 403, 'Bearer realm="payments", error="insufficient_scope"'),
    ],
    ids=["no key", "no valid key", "a key without the scope"],
)
async def test_www_authenticate_says_what_is_missing(
    anonymous: httpx.AsyncClient, new_key: NewKey, credential: str | None, status: int, told: str
) -> None:
    keys = {None: None, "wrong": "Bearer nonsense", "read": f"Bearer {await new_key('payments:read')}"}
    headers = {"Authorization": header} if (header := keys[credential]) else {}
    answer = await anonymous.put(
        "/v1/carts/c1/payment-intent", json={"amount": 1000, "currency": "eur"}, headers=headers
    )
    assert answer.status_code == status
    assert answer.headers["www-authenticate"] == told
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
async def test_the_docs_page_is_for_development(settings: Settings) -> None:
    closed = settings.model_copy(update={"serve_docs": False})
    async with api_process(closed) as (_, url), httpx.AsyncClient(base_url=url, trust_env=False) as client:
        off = [await client.get(path) for path in ("/docs", "/openapi.json", "/redoc")]
    assert [answer.status_code for answer in off] == [404] * 3


@pytest.mark.parametrize(
    ("changes", "has_docs"),
    [
        ({"environment": "production"}, False),
        ({"environment": "production", "serve_docs": True}, True),
        ({"environment": "development"}, True),
    ],
    ids=["production", "production that asks for them", "development"],
)
def test_docs_are_off_in_production_unless_they_are_asked_for(
    settings: Settings, changes: dict[str, object], *, has_docs: bool
) -> None:
    assert settings.model_copy(update=changes).has_docs is has_docs


async def test_a_wrong_method_is_answered_with_the_allowed_ones(api: httpx.AsyncClient) -> None:
    answers = [await api.delete(path) for path in ("/v1/carts/c1/payment-intent", "/livez", "/v1/stripe/webhook")]
    assert [answer.status_code for answer in answers] == [405] * 3
    assert [answer.headers["allow"] for answer in answers] == ["GET, PUT", "GET", "POST"]
