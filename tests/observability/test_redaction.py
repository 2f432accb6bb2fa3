"""Whatever is logged, by us or by a library, loses its secrets on the way out."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.observability.logging import configure_logging
from app.observability.redaction import REDACTED, Redactor, redact

API_KEY = f"pay_0123456789abcdef_{'5e' * 32}"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYXJ0OmMxIn0.c2lnbmF0dXJl_-x"

SECRETS = {
    API_KEY: "5e5e",
    "sk_live_51HxAbCdEfGhIjKl": "51HxAb",
    "rk_test_51HxAbCdEfGhIjKl": "51HxAb",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "MfKQ9r",
    "pi_3TmX5aLkdIwHu7_secret_N0tF0rL0gs": "N0tF0rL0gs",
    "seti_1Mm8s8Lkd_secret_NXDqZ4": "NXDqZ4",
    TOKEN: "c2lnbmF0dXJl",
    "GET /v3?payment_intent_client_secret=pi_1_secret_abc&x=1": "abc",
    "?client_secret=whatever-it-is&redirect_status=succeeded": "whatever",
    "{'Authorization': 'Basic c2hvcDpzaG9w'}": "c2hvcDpzaG9w",
    "authorization: Bearer abcdefghijkl": "abcdefghijkl",
    "postgresql+asyncpg://payments:s3cr3t@db:5432/payments": "s3cr3t",
    "card 4242 4242 4242 4242 was": "4242",
    "number=4000002760003184": "0003184",
    "3782-822463-10005 amex": "822463",
    "payment_method_data[card][cvc]=123&": "123",
    '{"cvc": "9876"}': "9876",
}

HARMLESS = (
    "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R",
    "pm_card_visa_chargeDeclined",
    "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
    "client:shop/0123456789abcdef",
    "client_secret_unavailable",
    "1790000000123",
    "amount=1999 currency=eur",
    "order 4242424242424243",
    "request_id=5555555555554444aa5555555555554444",
    "2026-11-23T05:43:52.013097Z",
)


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_taken_out(text: str) -> None:
    redacted = redact(f"before {text} after")
    assert SECRETS[text] not in redacted
    assert REDACTED in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_ids_beside_a_secret_stay_so_that_the_trouble_can_be_found() -> None:
    assert redact("pi_3TmX_secret_abc") == f"pi_3TmX_secret_{REDACTED}"
    assert redact(API_KEY) == f"pay_0123456789abcdef_{REDACTED}"


def test_a_configured_secret_of_any_shape_is_taken_out() -> None:
    odd = 'k"ey\\of any sh\u00e4pe'
    assert odd not in Redactor([odd])(f"x {odd} y")
    assert "sh" not in Redactor([odd])(json.dumps({"x": odd}))


@pytest.fixture
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Return all that is written to standard error, at DEBUG."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    kept = structlog.get_config()
    output = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", output)
        configure_logging(is_json=request.param, level="DEBUG", secrets=["configured secret"])
    yield output
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**kept)


@pytest.mark.parametrize("written", [True, False], indirect=True, ids=["json", "text"])
def test_every_logger_and_every_place_in_a_line_is_covered(written: io.StringIO) -> None:
    ours = structlog.get_logger("ours")
    ours.debug("one", key=API_KEY, nested={"token": [TOKEN]}, secret="configured secret")
    logging.getLogger("uvicorn.error").warning("Invalid request %s", API_KEY)
    logging.getLogger("asyncio").error("%r", {"token": TOKEN})
    try:
        dict[str, str]()[f"cannot read {API_KEY}"]
    except KeyError:
        ours.exception("two")
        logging.getLogger("library").exception("three")
    lines = written.getvalue()
    assert all(word in lines for word in ("one", "two", "three", "Invalid request", "KeyError"))
    assert not any(secret in lines for secret in (API_KEY, TOKEN, "configured secret", "5e5e"))


@pytest.mark.parametrize("written", [True], indirect=True)
def test_the_stripe_librarys_bodies_are_never_logged(written: io.StringIO) -> None:
    logging.getLogger("stripe").debug("body %s", "anything")
    logging.getLogger("stripe").info("path /v1/payment_intents/pi_1?client_secret=x")
    logging.getLogger("uvicorn.access").info("GET /?payment_intent_client_secret=x")
    assert written.getvalue() == ""
