"""Properties that hold whatever is sent."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.api import forms
from sandbox.api.params import merged
from sandbox.cards import is_card_number
from sandbox.config import SandboxConfig
from sandbox.currencies import SUPPORTED
from tests.sandbox.running import SECRET_KEY, running

KEYS = st.text(st.characters(blacklist_characters="[]", blacklist_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
TREES = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3), max_leaves=8)


def _pairs(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    return [pair for key, item in value.items() for pair in _pairs(item, f"{name}[{key}]")]


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_a_form_comes_back_as_it_was_encoded(form: dict[str, Any]) -> None:
    pairs = [pair for key, item in form.items() for pair in _pairs(item, key)]
    assert forms.parse(urlencode(pairs)) == form


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, max_size=5))
def test_merged_metadata_keeps_what_is_not_named_and_drops_what_is_empty(
    old: dict[str, str], changes: dict[str, str]
) -> None:
    kept = {key: value for key, value in old.items() if value}
    result = merged(kept, changes)
    assert "" not in result.values()
    assert all(result[key] == value for key, value in changes.items() if value)
    assert all(result[key] == value for key, value in kept.items() if key not in changes)


@given(st.integers(min_value=10**11, max_value=10**18 - 1))
def test_exactly_one_last_digit_makes_a_card_number(stem: int) -> None:
    assert sum(is_card_number(f"{stem}{digit}") for digit in range(10)) == 1


_RUNNING = ExitStack()


@cache
def sandbox() -> httpx.Client:
    """Give a client of one sandbox for all examples; its thread ends with the tests."""
    url = _RUNNING.enter_context(running(SandboxConfig(secret_key=SECRET_KEY)))
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    return _RUNNING.enter_context(httpx.Client(base_url=url, headers=headers, trust_env=False))


@pytest.fixture(scope="module", autouse=True)
def _stopped() -> Iterator[None]:
    yield
    _RUNNING.close()


WORDS = st.sampled_from(
    ["amount", "currency", "metadata[a]", "confirm", "payment_method", "expand[0]", "shipping[name]", "capture_method",
     "payment_method_data[type]", "payment_method_data[card][number]", "created[gte]", "limit", "x", "key"]
)  # fmt: skip
PATHS = st.sampled_from(
    ["/v1/payment_intents", "/v1/payment_intents/pi_1", "/v1/payment_intents/pi_1/confirm", "/v1/refunds",
     "/v1/charges", "/v1/events", "/v1/checkout/sessions", "/v1/customers", "/v1/webhook_endpoints",
     "/v1/payment_methods", "/v1/", "/v1/x/y/z/w"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["GET", "POST", "DELETE"]), PATHS, st.lists(st.tuples(WORDS, VALUES), max_size=6))
def test_nothing_that_is_sent_breaks_the_sandbox(method: str, path: str, pairs: list[tuple[str, str]]) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = path if method == "POST" else f"{path}?{urlencode(pairs)}"
    content = urlencode(pairs) if method == "POST" else None
    answer = sandbox().request(method, url, content=content, headers=headers)
    assert answer.status_code in {200, 400, 401, 402, 404, 501}
    body = answer.json()
    assert ("error" in body) == (answer.status_code != 200)


class Money(RuleBasedStateMachine):
    """Random calls on one PaymentIntent; what must hold after each."""

    METHODS = st.sampled_from(
        ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired", "pm_card_refundFail",
         "pm_card_pendingRefund", "pm_card_createDispute", "pm_card_threeDSecureRequiredChargeDeclined"]
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.http = sandbox()
        assert self.http.post("/_sandbox/reset").status_code == 204
        self.was_over: str | None = None

    def call(self, path: str, **params: Any) -> Any:
        answer = self.http.post(path, data={name: str(value) for name, value in params.items()})
        assert answer.status_code in {200, 400, 402}, answer.text
        return answer.json()

    @initialize(manual=st.booleans())
    def create(self, manual: bool) -> None:
        method = "manual" if manual else "automatic_async"
        self.intent_id = self.call("/v1/payment_intents", amount=1000, currency="eur", capture_method=method)["id"]

    @property
    def path(self) -> str:
        return f"/v1/payment_intents/{self.intent_id}"

    @property
    def intent(self) -> Any:
        return self.http.get(self.path).json()

    @rule(amount=st.integers(50, 3000))
    def update(self, amount: int) -> None:
        self.call(self.path, amount=amount)

    @rule(method=METHODS)
    def confirm(self, method: str) -> None:
        self.call(f"{self.path}/confirm", payment_method=method, return_url="https://shop.example/")

    @precondition(lambda self: self.intent["status"] == "requires_action")
    @rule(outcome=st.sampled_from(["succeed", "fail"]))
    def authenticate(self, outcome: str) -> None:
        answer = self.http.post(f"/_sandbox/payment_intents/{self.intent_id}/authenticate", json={"outcome": outcome})
        assert answer.status_code == 200

    @rule(amount=st.integers(1, 3000))
    def capture(self, amount: int) -> None:
        self.call(f"{self.path}/capture", amount_to_capture=amount)

    @rule()
    def cancel(self) -> None:
        self.call(f"{self.path}/cancel")

    @rule(amount=st.integers(1, 3000))
    def refund(self, amount: int) -> None:
        self.call("/v1/refunds", payment_intent=self.intent_id, amount=amount)

    @rule(hours=st.integers(1, 100))
    def advance(self, hours: int) -> None:
        assert self.http.post("/_sandbox/clock/advance", json={"seconds": hours * 3600}).status_code == 200

    @invariant()
    def a_terminal_status_is_never_left(self) -> None:
        status = self.intent["status"]
        assert self.was_over in {None, status}
        self.was_over = status if status in {"succeeded", "canceled"} else None

    @invariant()
    def at_most_one_charge_succeeds_and_the_sums_agree(self) -> None:
        intent = self.intent
        charges = self.http.get("/v1/charges", params={"payment_intent": self.intent_id, "limit": 100}).json()["data"]
        succeeded = [charge for charge in charges if charge["status"] == "succeeded"]
        assert len(succeeded) <= 1
        refunds = self.http.get("/v1/refunds", params={"payment_intent": self.intent_id, "limit": 100}).json()["data"]
        given_back = sum(refund["amount"] for refund in refunds if refund["status"] in {"succeeded", "pending"})
        for charge in succeeded:
            assert 0 <= charge["amount_refunded"] == given_back <= charge["amount_captured"] <= charge["amount"]
            assert intent["amount_received"] == charge["amount_captured"]
            assert charge["refunded"] == (charge["captured"] and charge["amount_refunded"] == charge["amount_captured"])
        assert (intent["status"] == "succeeded") == any(charge["captured"] for charge in charges)
        assert (intent["amount_capturable"] > 0) == (intent["status"] == "requires_capture")

    @invariant()
    def the_fields_fit_the_status(self) -> None:
        intent = self.intent
        assert (intent["next_action"] is not None) == (intent["status"] == "requires_action")
        assert (intent["canceled_at"] is not None) == (intent["status"] == "canceled")
        if intent["status"] == "requires_confirmation":
            assert intent["payment_method"] is not None


Money.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestMoney = Money.TestCase


def test_the_currencies_include_those_with_known_minimums() -> None:
    assert {"usd", "eur", "gbp", "jpy", "kwd", "isk"} <= SUPPORTED
    assert stripe.VERSION.startswith("16.")
