import asyncio
from typing import Any

import httpx
import pytest
import stripe
from stripe import APIError, CardError, IdempotencyError, InvalidRequestError, RequestOptions, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import SECRET_KEY, client_of

TEN: Any = {"amount": 1000, "currency": "eur"}
KEY: RequestOptions = {"idempotency_key": "cart-1"}


def headers_of(intent: Any) -> Any:
    return intent.last_response.headers


def test_the_same_key_gives_the_first_answer_marked_as_replayed(client: StripeClient) -> None:
    first = client.v1.payment_intents.create(TEN, KEY)
    again = client.v1.payment_intents.create(TEN, KEY)
    assert first.id == again.id
    assert "Idempotent-Replayed" not in headers_of(first)
    assert headers_of(again)["Idempotent-Replayed"] == "true"
    assert headers_of(again)["Idempotency-Key"] == "cart-1"
    assert headers_of(again)["Original-Request"] == headers_of(first)["Request-Id"]


def test_a_replay_is_the_original_snapshot_even_if_the_object_moved_on(client: StripeClient) -> None:
    first = client.v1.payment_intents.create(TEN, KEY)
    client.v1.payment_intents.update(first.id, {"amount": 2000})
    client.v1.payment_intents.cancel(first.id)
    again = client.v1.payment_intents.create(TEN, KEY)
    assert (again.amount, again.status) == (1000, "requires_payment_method")


def test_other_parameters_under_the_same_key_are_an_idempotency_error(client: StripeClient) -> None:
    client.v1.payment_intents.create(TEN, KEY)
    with pytest.raises(IdempotencyError, match="same parameters they were first used with") as e:
        client.v1.payment_intents.create(TEN | {"amount": 1001}, KEY)
    assert e.value.http_status == 400
    assert e.value.error is not None
    assert (e.value.error.type, e.value.error.code) == ("idempotency_error", None)


def test_keys_are_account_wide_not_per_endpoint(client: StripeClient) -> None:
    intent = client.v1.payment_intents.create(TEN, KEY)
    with pytest.raises(IdempotencyError, match=r"same endpoint they were first used for \('/v1/payment_intents/pi_"):
        client.v1.payment_intents.cancel(intent.id, {}, KEY)


async def test_the_same_key_while_the_first_request_runs_is_a_conflict(
    client: StripeClient, control: SandboxClient
) -> None:
    await control.hold("/v1/payment_intents")
    first = asyncio.create_task(asyncio.to_thread(client.v1.payment_intents.create, TEN, KEY))
    while await control.held() == 0:
        await asyncio.sleep(0.01)
    with pytest.raises(APIError) as e:
        await asyncio.to_thread(client.v1.payment_intents.create, TEN, KEY)
    assert e.value.http_status == 409
    assert e.value.error is not None
    assert (e.value.error.code, e.value.error.type) == ("idempotency_key_in_use", "idempotency_error")
    assert await control.release() == 1
    assert (await first).status == "requires_payment_method"
    assert await control.count("payment_intents") == 1


async def test_the_error_type_of_a_key_in_use_is_configurable(start: Start) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(in_use_error_type="invalid_request_error")))
    async with SandboxClient(url) as control, httpx.AsyncClient(trust_env=False) as http:
        await control.hold()
        headers = {"Authorization": f"Bearer {SECRET_KEY}", "Idempotency-Key": "k"}
        first = asyncio.create_task(http.post(f"{url}/v1/payment_intents", data=TEN, headers=headers))
        while await control.held() == 0:
            await asyncio.sleep(0.01)
        second = await http.post(f"{url}/v1/payment_intents", data=TEN, headers=headers)
        assert second.json()["error"]["type"] == "invalid_request_error"
        await control.release()
        assert (await first).status_code == 200


def test_a_decline_is_stored(client: StripeClient) -> None:
    intent = client.v1.payment_intents.create(TEN)
    params: Any = {"payment_method": "pm_card_chargeDeclined", "return_url": "https://shop.example/"}
    with pytest.raises(CardError):
        client.v1.payment_intents.confirm(intent.id, params, KEY)
    with pytest.raises(CardError) as e:
        client.v1.payment_intents.confirm(intent.id, params, KEY)
    assert e.value.headers is not None
    assert e.value.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.charges.list({"payment_intent": intent.id}).data) == 1


def test_validation_errors_are_not_stored(client: StripeClient) -> None:
    wrong: Any = {"amount": "abc", "currency": "eur"}
    with pytest.raises(InvalidRequestError):
        client.v1.payment_intents.create(wrong, KEY)
    assert client.v1.payment_intents.create(TEN, KEY).amount == 1000


def test_errors_of_the_state_are_stored(client: StripeClient) -> None:
    intent = client.v1.payment_intents.create(TEN)
    with pytest.raises(InvalidRequestError):
        client.v1.payment_intents.capture(intent.id, {}, KEY)
    with pytest.raises(InvalidRequestError) as e:
        client.v1.payment_intents.capture(intent.id, {}, KEY)
    assert e.value.headers is not None
    assert e.value.headers["Idempotent-Replayed"] == "true"


async def test_a_429_is_not_stored(client: StripeClient, control: SandboxClient) -> None:
    await control.rate_limit_next()
    with pytest.raises(stripe.RateLimitError):
        client.v1.payment_intents.create(TEN, KEY)
    assert "Idempotent-Replayed" not in headers_of(client.v1.payment_intents.create(TEN, KEY))


async def test_a_stored_500_is_replayed_and_an_unstored_one_is_not(
    client: StripeClient, control: SandboxClient
) -> None:
    await control.fail_next(stored=True)
    for _ in range(2):
        with pytest.raises(APIError) as e:
            client.v1.payment_intents.create(TEN, KEY)
        assert e.value.http_status == 500
    assert await control.count("payment_intents") == 0
    await control.fail_next(stored=False)
    other: RequestOptions = {"idempotency_key": "cart-2"}
    with pytest.raises(APIError):
        client.v1.payment_intents.create(TEN, other)
    assert client.v1.payment_intents.create(TEN, other).status == "requires_payment_method"


async def test_a_stored_500_whose_work_was_done_hides_an_object(client: StripeClient, control: SandboxClient) -> None:
    await control.fail_next(stored=True, done=True)
    for _ in range(2):
        with pytest.raises(APIError):
            client.v1.payment_intents.create(TEN, KEY)
    assert await control.count("payment_intents") == 1


async def test_after_24_hours_the_same_key_runs_as_a_new_request(client: StripeClient, control: SandboxClient) -> None:
    first = client.v1.payment_intents.create(TEN, KEY)
    await control.advance(24 * 3600 - 10)
    assert client.v1.payment_intents.create(TEN, KEY).id == first.id
    await control.advance(20)
    assert client.v1.payment_intents.create(TEN, KEY).id != first.id


def test_keys_longer_than_255_characters_are_refused(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="at most 255 characters"):
        client.v1.payment_intents.create(TEN, {"idempotency_key": "k" * 256})
    assert client.v1.payment_intents.create(TEN, {"idempotency_key": "k" * 255}).amount == 1000


def test_keys_are_ignored_on_get(client: StripeClient) -> None:
    intent = client.v1.payment_intents.create(TEN, KEY)
    client.v1.payment_intents.update(intent.id, {"amount": 1200})
    assert client.v1.payment_intents.retrieve(intent.id, {}, KEY).amount == 1200


async def test_the_librarys_own_retries_make_one_object(url: str, control: SandboxClient) -> None:
    await control.lose_next_answer()
    client = client_of(url, retries=2)
    await asyncio.to_thread(client.v1.payment_intents.create, TEN)
    assert await control.count("payment_intents") == 1
    first, second = [request for request in await control.requests() if request["method"] == "POST"]
    assert first["idempotency_key"] == second["idempotency_key"]
    assert (first["replayed"], second["replayed"]) == (False, True)
