"""Keys, headers, encodings and error bodies, as they go over the wire."""

import base64
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import PUBLISHABLE_KEY, SECRET_KEY, client_of, confirmed, created, http

AUTHORIZED = {"Authorization": f"Bearer {SECRET_KEY}"}
TEN = "amount=1000&currency=eur"


def post(url: str, path: str, body: str, headers: dict[str, str] | None = None) -> httpx.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return http.post(f"{url}{path}", content=body, headers={**AUTHORIZED, **form, **(headers or {})})


def get(url: str, path: str, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
    return http.get(f"{url}{path}", params=query, headers=AUTHORIZED if headers is None else headers)


@pytest.mark.parametrize("key", ["sk_live_x", "sk_test_other", "pk_live_x", "x"])
def test_only_the_configured_test_keys_are_taken(url: str, key: str) -> None:
    answer = get(url, "/v1/payment_intents", {"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_refused_key_is_masked(url: str) -> None:
    answer = get(url, "/v1/payment_intents", {"Authorization": "Bearer sk_test_secretsecretsecret"})
    assert "secretsecret" not in answer.text


def test_without_a_key_nothing_is_answered(url: str) -> None:
    assert "You did not provide an API key" in get(url, "/v1/payment_intents", {}).json()["error"]["message"]
    with pytest.raises(stripe.AuthenticationError):
        created(client_of(url, key="sk_test_other"))


def test_basic_authentication_is_taken_too(url: str) -> None:
    basic = base64.b64encode(f"{SECRET_KEY}:".encode()).decode()
    assert get(url, "/v1/payment_intents", {"Authorization": f"Basic {basic}"}).status_code == 200


def test_a_publishable_key_alone_does_nothing(url: str, client: StripeClient) -> None:
    intent = created(client)
    public = {"Authorization": f"Bearer {PUBLISHABLE_KEY}"}
    listed = get(url, "/v1/payment_intents", public)
    assert (listed.status_code, listed.json()["error"]["code"]) == (401, "secret_key_required")
    assert get(url, f"/v1/payment_intents/{intent.id}", public).status_code == 400
    wrong = get(url, f"/v1/payment_intents/{intent.id}", public, client_secret=f"{intent.id}_secret_wrong")
    assert wrong.json()["error"]["code"] == "payment_intent_invalid_parameter"
    assert post(url, "/v1/payment_intents", TEN, public).status_code == 401


def test_a_publishable_key_with_the_client_secret_sees_a_part(url: str, client: StripeClient) -> None:
    intent = created(client, metadata={"cart": "c1"}, customer=client.v1.customers.create().id)
    answer = get(
        url, f"/v1/payment_intents/{intent.id}", {}, key=PUBLISHABLE_KEY, client_secret=str(intent.client_secret)
    )
    seen = answer.json()
    assert seen["amount"] == 1000
    assert not {"metadata", "customer", "latest_charge", "amount_received"} & seen.keys()


def test_every_answer_has_its_headers(client: StripeClient) -> None:
    answer = created(client).last_response
    assert answer is not None
    headers: Any = answer.headers
    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == stripe.api_version
    assert headers["Content-Type"] == "application/json"


async def test_the_date_header_follows_the_clock_and_comes_once(url: str, control: SandboxClient) -> None:
    await control.advance(86_400)
    answer = get(url, "/v1/payment_intents")
    assert len(answer.headers.get_list("date")) == 1
    assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - await control.now()) < 3


def test_a_page_of_another_origin_may_call_the_api(url: str) -> None:
    asked = {"Origin": "http://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = http.options(f"{url}/v1/payment_intents/pi_1/confirm", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert get(url, "/v1/payment_intents", {}).headers["access-control-allow-origin"] == "*"


def test_a_page_of_another_origin_may_not_control_the_sandbox(url: str, client: StripeClient) -> None:
    intent = created(client)
    answer = http.post(f"{url}/_sandbox/reset", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert client.v1.payment_intents.retrieve(intent.id).id == intent.id


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=1000", "parameter_missing", "currency"),
        ("amount=10.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=abc&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=-5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=&currency=eur", "parameter_invalid_empty", "amount"),
        (f"{TEN}&foo=1", "parameter_unknown", "foo"),
        (f"{TEN}&shipping[foo]=1", "parameter_unknown", "shipping[foo]"),
        (f"{TEN}&confirm=yes", None, "confirm"),
        (f"{TEN}&capture_method=later", None, "capture_method"),
        (f"{TEN}&receipt_email=nobody", "email_invalid", "receipt_email"),
        (f"{TEN}&metadata[a]={'x' * 501}", None, "metadata[a]"),
        (f"{TEN}&metadata[{'k' * 41}]=x", None, "metadata"),
        (f"{TEN}&shipping=x", None, "shipping"),
        (f"{TEN}&expand=latest_charge", None, "expand"),
        (f"{TEN}&expand[]=nonsense", None, "expand"),
        (f"{TEN}&return_url=https://a.example", None, "return_url"),
        (f"{TEN}&expected_payment_method_type=card", "parameter_unknown", "expected_payment_method_type"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_created(
    url: str, client: StripeClient, body: str, code: str | None, param: str
) -> None:
    answer = post(url, "/v1/payment_intents", body)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert client.v1.payment_intents.list().data == []


def test_two_unknown_parameters_are_both_named(url: str) -> None:
    message = post(url, "/v1/payment_intents", f"{TEN}&foo=1&bar=2").json()["error"]["message"]
    assert message == "Received unknown parameters: foo, bar"


@pytest.mark.parametrize("body", ["amount[=1", "a[b=1", "[x]=1", "amount=1&amount[a]=2", "%ff=1", "\u00e9=1"])
def test_what_is_not_a_form_is_400(url: str, body: str) -> None:
    assert post(url, "/v1/payment_intents", body).status_code == 400


def test_metadata_of_up_to_50_pairs_is_merged_and_unset(client: StripeClient) -> None:
    intent = created(client, metadata={"a": "1", "b": "2"})
    updated = client.v1.payment_intents.update(intent.id, {"metadata": {"a": "", "c": "3"}})
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}
    assert client.v1.payment_intents.update(intent.id, {"metadata": ""}).metadata.to_dict() == {}
    numbered = created(client, metadata={str(place): "x" for place in range(50)})
    assert len(numbered.metadata.to_dict()) == 50
    with pytest.raises(stripe.InvalidRequestError, match="up to 50 keys"):
        client.v1.payment_intents.update(numbered.id, {"metadata": {"one": "more"}})


def test_an_empty_string_unsets(client: StripeClient) -> None:
    intent = created(client, metadata={"cart": "c1"}, receipt_email="a@b.example")
    updated = client.v1.payment_intents.update(intent.id, {"metadata": "", "receipt_email": ""})
    assert (updated.to_dict()["metadata"], updated.receipt_email) == ({}, None)


def test_expand_puts_the_objects_where_their_ids_stand(client: StripeClient) -> None:
    intent = confirmed(client)
    paths: Any = ["latest_charge.balance_transaction", "latest_charge.refunds", "payment_method"]
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    expanded = client.v1.payment_intents.retrieve(intent.id, {"expand": paths}).to_dict()
    assert expanded["latest_charge"]["balance_transaction"]["amount"] == 1000
    assert [refund["amount"] for refund in expanded["latest_charge"]["refunds"]["data"]] == [100]
    assert expanded["payment_method"]["card"]["last4"] == "4242"
    (listed,) = client.v1.payment_intents.list({"expand": ["data.latest_charge"]}).data
    assert isinstance(listed.latest_charge, stripe.Charge)


def test_too_deep_an_expansion_is_refused(client: StripeClient) -> None:
    deep: Any = ["latest_charge.payment_intent.latest_charge.payment_intent.latest_charge"]
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.payment_intents.retrieve(confirmed(client).id, {"expand": deep})


def test_an_unknown_object_is_404(client: StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent: 'pi_missing'") as e:
        client.v1.payment_intents.retrieve("pi_missing")
    assert (e.value.http_status, e.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as e:
        client.v1.charges.retrieve("ch_missing")
    assert e.value.http_status == 404


def test_an_empty_id_hits_the_list(url: str) -> None:
    assert get(url, "/v1/payment_intents/").json()["object"] == "list"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/prices"),
        ("POST", "/v1/subscriptions"),
        ("DELETE", "/v1/payment_intents/pi_1"),
        ("GET", "/v2/core/events"),
    ],
)
def test_what_the_sandbox_does_not_do_is_501_in_stripes_shape(url: str, method: str, path: str) -> None:
    answer = http.request(method, f"{url}{path}", headers=AUTHORIZED)
    assert answer.status_code == 501
    assert answer.json()["error"]["code"] == "sandbox_not_implemented"
    assert answer.headers["stripe-should-retry"] == "false"


def test_a_parameter_that_the_sandbox_does_not_do_is_501_and_named(client: StripeClient) -> None:
    with pytest.raises(stripe.APIError) as e:
        created(client, transfer_data={"destination": "acct_1"})
    assert e.value.http_status == 501
    assert e.value.error is not None
    assert e.value.error.param == "transfer_data"


def test_a_card_error_has_the_charge_and_the_payment_intent(url: str) -> None:
    body = f"{TEN}&confirm=true&payment_method=pm_card_chargeDeclined&return_url=https://shop.example"
    error = post(url, "/v1/payment_intents", body).json()["error"]
    assert error["type"] == "card_error"
    assert error["charge"].startswith("ch_")
    assert error["payment_intent"]["latest_charge"] == error["charge"]
    assert error["payment_method"]["card"]["last4"] == "0002"
    assert error["advice_code"] == "try_again_later"
    assert error["doc_url"].startswith("https://")
    assert error["request_log_url"].startswith("https://")


async def test_the_request_log_has_no_secrets(url: str, client: StripeClient, control: SandboxClient) -> None:
    intent = created(client)
    card = "payment_method_data[type]=card&payment_method_data[card][number]=4242424242424242"
    card = f"{card}&payment_method_data[card][cvc]=987"
    secret = f"client_secret={intent.client_secret}&key={PUBLISHABLE_KEY}"
    expiry = "payment_method_data[card][exp_month]=1&payment_method_data[card][exp_year]=2040"
    body = f"{card}&{secret}&{expiry}&expected_payment_method_type=card"
    answer = post(url, f"/v1/payment_intents/{intent.id}/confirm", body, {"Authorization": ""})
    assert answer.status_code == 200
    log = str(await control.requests())
    for private in ("4242424242424242", "'987'", str(intent.client_secret), PUBLISHABLE_KEY, SECRET_KEY):
        assert private not in log
    assert [request["path"] for request in await control.requests()][-1] == f"/v1/payment_intents/{intent.id}/confirm"


def test_a_body_beyond_the_limit_is_refused(url: str) -> None:
    answer = post(url, "/v1/payment_intents", f"{TEN}&description={'x' * 2_000_000}")
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "The request is too large."
