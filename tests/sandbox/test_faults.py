import asyncio
import time
from typing import Any

import httpx
import pytest
import stripe
from stripe import APIConnectionError, APIError, RateLimitError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import SECRET_KEY, created

TEN: Any = {"amount": 1000, "currency": "eur"}


async def test_a_dropped_request_does_no_work(client: StripeClient, control: SandboxClient) -> None:
    await control.drop_next()
    with pytest.raises(APIConnectionError):
        created(client)
    assert await control.count("payment_intents") == 0
    assert created(client).amount == 1000


async def test_an_answer_can_be_cut_in_the_middle_of_its_body(
    url: str, client: StripeClient, control: SandboxClient
) -> None:
    await control.lose_next_answer(part_way=True)
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await http.post("/v1/payment_intents", data=TEN)
    assert await control.count("payment_intents") == 1


async def test_a_fault_waits_for_its_method_and_path_and_counts(client: StripeClient, control: SandboxClient) -> None:
    await control.fail_next(503, method="POST", path="/v1/payment_intents/*/cancel", count=2)
    intent = created(client)
    client.v1.payment_intents.retrieve(intent.id)
    for _ in range(2):
        with pytest.raises(APIError) as e:
            client.v1.payment_intents.cancel(intent.id)
        assert e.value.http_status == 503
    assert client.v1.payment_intents.cancel(intent.id).status == "canceled"


async def test_rate_limits_name_their_reason_and_the_librarys_class_has_no_code(
    client: StripeClient, control: SandboxClient
) -> None:
    await control.rate_limit_next(reason="endpoint-rate")
    with pytest.raises(RateLimitError) as e:
        created(client)
    assert e.value.headers is not None
    assert e.value.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert e.value.code is None
    assert "Retry-After" not in e.value.headers


async def test_a_lock_timeout_is_a_429_without_a_reason(client: StripeClient, control: SandboxClient) -> None:
    await control.lock_timeout_next()
    with pytest.raises(RateLimitError) as e:
        created(client)
    assert e.value.error is not None
    assert (e.value.error.type, e.value.error.code) == ("invalid_request_error", "lock_timeout")
    assert e.value.headers is not None
    assert "Stripe-Rate-Limited-Reason" not in e.value.headers


async def test_a_conflict_is_a_409(client: StripeClient, control: SandboxClient) -> None:
    await control.conflict_next()
    with pytest.raises(APIError) as e:
        created(client)
    assert e.value.http_status == 409


async def test_a_malformed_answer_hides_work_that_was_done(client: StripeClient, control: SandboxClient) -> None:
    await control.malformed_next()
    with pytest.raises(APIError, match="Invalid response body"):
        created(client)
    assert await control.count("payment_intents") == 1


async def test_latency_delays_only_matching_requests_until_taken_back(
    client: StripeClient, control: SandboxClient
) -> None:
    await control.latency(0.3, path="/v1/payment_intents")
    began = time.monotonic()
    client.v1.charges.list()
    assert time.monotonic() - began < 0.25
    created(client)
    assert time.monotonic() - began >= 0.3
    await control.latency(0, path="/v1/payment_intents")
    began = time.monotonic()
    created(client)
    assert time.monotonic() - began < 0.25


@pytest.mark.parametrize("after_work", [False, True])
async def test_a_hold_keeps_requests_before_or_after_their_work(
    client: StripeClient, control: SandboxClient, after_work: bool
) -> None:
    await control.hold("/v1/payment_intents", after_work=after_work)
    waiting = asyncio.create_task(asyncio.to_thread(client.v1.payment_intents.create, TEN))
    while await control.held() == 0:
        await asyncio.sleep(0.01)
    assert await control.count("payment_intents") == after_work
    assert await control.release("/v1/payment_intents") == 1
    assert (await waiting).amount == 1000


async def test_reset_takes_back_all_faults_and_objects(client: StripeClient, control: SandboxClient) -> None:
    created(client)
    await control.fail_next(count=5)
    await control.latency(5)
    await control.advance(1000)
    await control.reset()
    assert created(client).created - time.time() < 5
    assert await control.count("payment_intents") == 1


async def test_a_wrong_control_is_named(control: SandboxClient) -> None:
    answer = await control._http.post("/_sandbox/faults", json={"kind": "explode"})
    assert answer.status_code == 400
    assert answer.json()["error"][0]["loc"] == ["kind"]


async def test_a_failure_has_the_headers_that_it_was_given(client: StripeClient, control: SandboxClient) -> None:
    await control.fail_next(503, headers={"Retry-After": "7"})
    with pytest.raises(APIError) as e:
        created(client)
    assert e.value.headers is not None
    assert e.value.headers["Retry-After"] == "7"


async def test_a_request_that_fails_before_its_key_is_looked_at_is_logged_with_it(
    client: StripeClient, control: SandboxClient
) -> None:
    await control.rate_limit_next()
    with pytest.raises(RateLimitError):
        client.v1.payment_intents.create(TEN, {"idempotency_key": "k1"})
    assert [request["idempotency_key"] for request in await control.requests()] == ["k1"]


async def test_what_is_aged_is_old_although_the_clock_stays(client: StripeClient, control: SandboxClient) -> None:
    before = await control.now()
    first = client.v1.payment_intents.create(TEN, {"idempotency_key": "k1"})
    await control.age(25 * 3600)
    second = client.v1.payment_intents.create(TEN, {"idempotency_key": "k1"})
    await control.wait_idle()

    assert first.id != second.id  # the key was forgotten
    aged = client.v1.payment_intents.retrieve(first.id)
    assert aged.created == first.created - 25 * 3600
    assert abs(second.created - before) < 60
    assert [each.id for each in client.v1.payment_intents.list({"created": {"gte": int(before)}})] == [second.id]


async def test_what_falls_due_while_ageing_is_done_and_what_does_not_comes_earlier(
    client: StripeClient, control: SandboxClient
) -> None:
    for method in ("pm_card_visa", "pm_card_pendingRefund"):
        paid = created(client, confirm=True, payment_method=method, return_url="https://shop.example/")
        client.v1.refunds.create({"payment_intent": paid.id})
    await control.age(20)
    [_, pending] = await control.objects("refunds")
    await control.age(3600)
    [_, ended] = await control.objects("refunds")
    assert (pending["status"], ended["status"]) == ("pending", "succeeded")


async def test_the_clock_never_goes_back(control: SandboxClient) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        await control.advance(-1)


@pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning:httpx")
@pytest.mark.parametrize("kind", [stripe.HTTPXClient, stripe.AIOHTTPClient])
async def test_the_asynchronous_clients_of_the_library_work(url: str, control: SandboxClient, kind: Any) -> None:
    http = kind(timeout=10)
    client = StripeClient(SECRET_KEY, base_addresses={"api": url}, http_client=http)
    intents = await asyncio.gather(*(client.v1.payment_intents.create_async(TEN) for _ in range(5)))
    assert len({intent.id for intent in intents}) == 5
    listed = await client.v1.payment_intents.list_async({"limit": 2})
    assert sorted([entry.id async for entry in listed.auto_paging_iter()]) == sorted(intent.id for intent in intents)
    await control.lose_next_answer()
    with pytest.raises(APIConnectionError):
        await client.v1.payment_intents.create_async(TEN)
    assert await control.count("payment_intents") == 6
    await http.close_async()
