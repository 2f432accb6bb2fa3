"""PUT and GET of a PaymentIntent: one for each cart, whatever is sent how often."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.waiting import until_held

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}
TWENTY_EUROS = {"amount": 2000, "currency": "eur"}


async def test_the_first_put_creates_the_payment_intent(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    answer = await api.put(CART, json=TEN_EUROS)

    assert answer.status_code == 201
    body = answer.json()
    [intent] = await sandbox.objects("payment_intents")
    assert body["stripe_id"] == intent["id"]
    assert body["client_secret"] == intent["client_secret"]
    assert body["reference"] == {"kind": "cart", "id": "c1"}
    assert (body["generation"], body["status"], body["amount"], body["currency"], body["is_synced"]) == (
        1,
        "requires_payment_method",
        1000,
        "eur",
        True,
    )
    assert (intent["amount"], intent["currency"]) == (1000, "eur")
    assert answer.headers["cache-control"] == "no-store"


async def test_the_key_is_made_from_our_own_row(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    body = (await api.put(CART, json=TEN_EUROS)).json()
    [create] = await sandbox.requests()
    assert create["idempotency_key"] == f"payment_intent:{body['id']}:create"


async def test_what_we_make_at_stripe_is_marked_as_ours(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    body = (await api.put(CART, json=TEN_EUROS | {"cart_version": 4, "metadata": {"color": "red"}})).json()
    [intent] = await sandbox.objects("payment_intents")
    assert intent["metadata"] == {
        "color": "red",
        "instance": "test",
        "payment_intent_id": body["id"],
        "reference_kind": "cart",
        "reference_id": "c1",
        "revision": "1",
        "cart_version": "4",
    }


async def test_another_amount_updates_the_same_payment_intent(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    first = (await api.put(CART, json=TEN_EUROS)).json()
    second = await api.put(CART, json=TWENTY_EUROS)

    assert second.status_code == 200
    assert second.json()["amount"] == 2000
    assert second.json()["id"] == first["id"]
    assert second.json()["client_secret"] == first["client_secret"]
    [intent] = await sandbox.objects("payment_intents")
    assert intent["amount"] == 2000


async def test_the_same_again_makes_no_call_to_stripe(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    first = await api.put(CART, json=TEN_EUROS)
    await sandbox.clear_requests()
    again = await api.put(CART, json=TEN_EUROS)
    assert again.status_code == 200
    assert again.json()["client_secret"] == first.json()["client_secret"]
    assert await sandbox.requests() == []


async def test_a_put_replaces_what_is_left_out_is_unset(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await api.put(
        CART,
        json=TEN_EUROS
        | {
            "description": "Two chairs",
            "receipt_email": "ada@example.com",
            "metadata": {"color": "red", "size": "xl"},
            "shipping": {"name": "Ada", "address": {"line1": "1 Main St", "country": "DE"}},
            "statement_descriptor_suffix": "CHAIRS",
            "setup_future_usage": "off_session",
        },
    )
    [full] = await sandbox.objects("payment_intents")
    answer = await api.put(CART, json=TEN_EUROS | {"metadata": {"color": "blue"}})

    [bare] = await sandbox.objects("payment_intents")
    assert answer.status_code == 200
    assert (full["description"], full["receipt_email"], full["shipping"]["name"]) == (
        "Two chairs",
        "ada@example.com",
        "Ada",
    )
    assert (full["statement_descriptor_suffix"], full["setup_future_usage"]) == ("CHAIRS", "off_session")
    unset = ("receipt_email", "shipping", "statement_descriptor_suffix", "setup_future_usage")
    assert [bare[name] or None for name in ("description", *unset)] == [None] * 5
    assert bare["metadata"]["color"] == "blue"
    assert "size" not in bare["metadata"]


async def test_carts_and_sessions_of_one_name_are_two_references(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    cart = (await api.put("/v1/carts/same/payment-intent", json=TEN_EUROS)).json()
    session = (await api.put("/v1/sessions/same/payment-intent", json=TEN_EUROS)).json()
    assert cart["stripe_id"] != session["stripe_id"]
    assert session["reference"] == {"kind": "session", "id": "same"}


async def test_many_at_once_make_one_payment_intent(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    answers = await asyncio.gather(*(api.put(CART, json=TEN_EUROS) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["client_secret"] for answer in answers}) == 1
    assert await sandbox.count("payment_intents") == 1


async def _put_until_known(api: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    """Send it again while the answer is that nothing is known: a busy machine can be a slow Stripe."""
    answer = await api.put(CART, json=body)
    while answer.status_code == 503:
        answer = await api.put(CART, json=body)
    return answer


async def test_racing_amounts_end_with_stripe_and_the_row_agreeing(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await sandbox.latency(0.02)
    amounts = range(1000, 1015)
    bodies = [{"amount": amount, "currency": "eur"} for amount in amounts]
    answers = await asyncio.gather(*(_put_until_known(api, body) for body in bodies))

    assert {answer.status_code for answer in answers} <= {200, 201}
    state = (await api.get(CART)).json()
    [intent] = await sandbox.objects("payment_intents")
    assert state["is_synced"]
    assert intent["amount"] == state["amount"] == state["requested_amount"]
    assert state["amount"] in amounts


async def test_get_reads_the_state_without_the_client_secret(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    put = (await api.put(CART, json=TEN_EUROS)).json()
    await sandbox.clear_requests()
    got = await api.get(CART)
    assert got.status_code == 200
    assert got.json() == {name: value for name, value in put.items() if name != "client_secret"}
    assert await sandbox.requests() == []


async def test_get_of_an_unknown_cart_is_404(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/carts/none/payment-intent")
    assert answer.status_code == 404
    assert answer.json()["code"] == "payment_intent_not_found"


async def test_a_retry_after_a_lost_answer_finds_the_first_payment_intent(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)  # Stripe did the work; we never heard
    lost = await api.put(CART, json=TEN_EUROS)
    retried = await api.put(CART, json=TEN_EUROS)

    assert lost.status_code == 503
    assert lost.json()["code"] == "stripe_unavailable"
    assert lost.headers["retry-after"] == "2"
    assert retried.status_code == 201
    assert await sandbox.count("payment_intents") == 1


async def test_a_lost_update_is_repaired_by_the_next_put(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await api.put(CART, json=TEN_EUROS)
    await sandbox.lose_next_answer(path="/v1/payment_intents/*", count=3)
    lost = await api.put(CART, json=TWENTY_EUROS)
    third = await api.put(CART, json={"amount": 3000, "currency": "eur"})
    [intent] = await sandbox.objects("payment_intents")
    assert (lost.status_code, third.status_code) == (503, 200)
    assert third.json()["amount"] == intent["amount"] == 3000


@pytest.mark.parametrize("fault", ["fail_next", "rate_limit_next", "drop_next", "malformed_next"])
async def test_a_stripe_in_trouble_is_unknown_and_the_same_request_can_be_sent_again(
    api: httpx.AsyncClient, sandbox: SandboxClient, fault: str
) -> None:
    await getattr(sandbox, fault)(path="/v1/payment_intents", count=3)
    broken = await api.put(CART, json=TEN_EUROS)
    await sandbox.clear_faults()
    again = await api.put(CART, json=TEN_EUROS)

    assert broken.status_code == 503
    assert broken.json()["code"] == "stripe_unavailable"
    assert again.status_code == 201
    assert await sandbox.count("payment_intents") == 1


async def test_a_slow_stripe_does_not_slow_the_reads(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await api.put("/v1/carts/other/payment-intent", json=TEN_EUROS)
    await sandbox.hold("/v1/payment_intents")
    held = [asyncio.create_task(api.put(f"/v1/carts/h{n}/payment-intent", json=TEN_EUROS)) for n in range(30)]
    await until_held(sandbox, 30)
    reads = await asyncio.gather(*(api.get("/v1/carts/other/payment-intent") for _ in range(10)))
    still_held = await sandbox.held()
    await sandbox.release()

    assert [read.status_code for read in reads] == [200] * 10
    assert still_held == 30  # the reads did not wait for them, with a pool of 10 connections
    answers = await asyncio.gather(*held)
    unknown = [n for n, answer in enumerate(answers) if answer.status_code == 503]
    again = [(await api.put(f"/v1/carts/h{n}/payment-intent", json=TEN_EUROS)).status_code for n in unknown]
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert set(again) <= {200, 201}
    assert await sandbox.count("payment_intents") == 31


async def test_what_stripe_refuses_does_not_block_the_cart(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    refused = await api.put(CART, json={"amount": 10, "currency": "eur"})
    accepted = await api.put(CART, json=TEN_EUROS)

    assert refused.status_code == 422
    assert refused.json()["code"] == "stripe_refused"
    assert refused.json()["stripe_code"] == "amount_too_small"
    assert accepted.status_code == 201
    assert accepted.json()["generation"] == 2
    assert await sandbox.count("payment_intents") == 1


async def test_a_refused_update_leaves_what_was_agreed(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await api.put(CART, json=TEN_EUROS)
    refused = await api.put(CART, json={"amount": 10, "currency": "eur"})
    state = (await api.get(CART)).json()
    assert refused.status_code == 422
    assert (state["amount"], state["requested_amount"], state["is_synced"]) == (1000, 1000, True)


def _states(body: dict[str, Any]) -> tuple[str, int]:
    return body["status"], body["amount"]


async def test_a_paid_cart_answers_its_state_without_a_secret_and_refuses_another_amount(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    stripe_id = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    same = await api.put(CART, json=TEN_EUROS)
    other = await api.put(CART, json=TWENTY_EUROS)

    assert (same.status_code, _states(same.json()), same.json()["client_secret"]) == (200, ("succeeded", 1000), None)
    assert (other.status_code, other.json()["code"]) == (409, "already_paid")
    assert await sandbox.count("payment_intents") == 1
