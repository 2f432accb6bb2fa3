"""How much may be refunded, of which PaymentIntent."""

import asyncio
from typing import Any

import httpx

from sandbox.client import SandboxClient
from tests.conftest import Jobs, NewKey
from tests.refunds.conftest import Shop
from tests.waiting import until_held


def _problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_partial_refunds_then_the_rest_give_back_all(shop: Shop) -> None:
    payment = await shop.sell()
    first = await shop.refund("k1", amount=3000, reason="requested_by_customer", metadata={"ticket": "4711"})
    assert await shop.totals() == (3000, 7000)
    second = await shop.refund("k2", amount=1)
    rest = await shop.refund("k3")

    assert [answer.status_code for answer in (first, second, rest)] == [201, 201, 201]
    body = first.json()
    assert body["payment_intent_id"] == payment["id"]
    assert body["reference"] == {"kind": "cart", "id": "c1"}
    assert (body["status"], body["amount"], body["currency"]) == ("succeeded", 3000, "eur")
    assert (body["reason"], body["metadata"], body["origin"]) == ("requested_by_customer", {"ticket": "4711"}, "api")
    assert rest.json()["amount"] == 6999
    assert await shop.totals() == (10_000, 0)


async def test_what_we_refund_at_stripe_is_marked_and_keyed_by_its_own_id(shop: Shop, sandbox: SandboxClient) -> None:
    payment = await shop.sell()
    body = (await shop.refund("k1", amount=500, reason="duplicate", metadata={"ticket": "4711"})).json()

    [refund] = await sandbox.objects("refunds")
    [sent] = [each for each in await sandbox.requests() if each["path"] == "/v1/refunds"]
    assert (refund["id"], refund["amount"], refund["reason"]) == (body["stripe_id"], 500, "duplicate")
    assert sent["idempotency_key"] == f"refund:{body['id']}:create"
    assert refund["metadata"] == {
        "ticket": "4711",
        "instance": "test",
        "payment_intent_id": payment["id"],
        "reference_kind": "cart",
        "reference_id": "c1",
        "refund_id": body["id"],
    }


async def test_more_than_is_left_is_refused_and_nothing_is_sent(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell()
    await shop.refund("k1", amount=4000)
    await sandbox.clear_requests()
    over = await shop.refund("k2", amount=6001)

    assert _problem(over) == (409, "refund_exceeds_payment")
    assert over.json()["amount_refundable"] == 6000
    assert await sandbox.requests() == []
    assert (await shop.refund("k2", amount=6000)).status_code == 201  # the refused request did not use up its key
    assert await shop.totals() == (10_000, 0)


async def test_a_second_full_refund_finds_nothing_left(shop: Shop) -> None:
    await shop.sell()
    await shop.refund("k1")
    assert _problem(await shop.refund("k2")) == (409, "nothing_to_refund")
    assert _problem(await shop.refund("k3", amount=1)) == (409, "refund_exceeds_payment")
    assert await shop.totals() == (10_000, 0)


async def test_an_unknown_cart_has_nothing_to_refund_and_leaves_no_trace(shop: Shop) -> None:
    assert _problem(await shop.refund("k1", "none")) == (404, "payment_intent_not_found")
    assert _problem(await shop.api.get("/v1/carts/none/refunds")) == (404, "payment_intent_not_found")


async def test_an_unpaid_cart_is_not_refundable(shop: Shop) -> None:
    await shop.api.put("/v1/carts/c1/payment-intent", json={"amount": 1000, "currency": "eur"})
    refused = await shop.refund("k1")
    assert _problem(refused) == (409, "payment_not_refundable")
    assert refused.json()["payment_status"] == "requires_payment_method"
    assert await shop.refunds() == []


async def test_an_uncaptured_payment_is_to_be_cancelled_instead(shop: Shop, sandbox: SandboxClient, jobs: Jobs) -> None:
    await shop.sell(capture_method="manual")
    await jobs()
    await sandbox.clear_requests()
    refused = await shop.refund("k1")
    assert _problem(refused) == (409, "payment_not_captured")
    assert "cancel" in refused.json()["detail"]
    assert await sandbox.requests() == []


async def test_with_two_paid_payment_intents_the_caller_must_name_one(shop: Shop, sandbox: SandboxClient) -> None:
    first = await shop.sell()
    second = await shop.sell(previous_payment_intent=first["id"])
    unnamed = await shop.refund("k1")
    named = await shop.refund("k2", amount=100, payment_intent=first["stripe_id"])
    other = await shop.refund("k3", amount=200, payment_intent=second["id"])

    assert _problem(unnamed) == (409, "payment_intent_ambiguous")
    assert unnamed.json()["payment_intents"] == [second["id"], first["id"]]
    assert (named.json()["payment_intent_id"], other.json()["payment_intent_id"]) == (first["id"], second["id"])
    assert [each["amount"] for each in await shop.refunds()] == [200, 100]  # of all generations, newest first
    assert await shop.totals() == (200, 9800)
    amounts = {each["payment_intent"]: each["amount_refunded"] for each in await sandbox.objects("charges")}
    assert amounts == {first["stripe_id"]: 100, second["stripe_id"]: 200}


async def test_an_older_payment_is_refunded_while_the_next_is_not_paid(shop: Shop) -> None:
    first = await shop.sell()
    follows = {"amount": 500, "currency": "eur", "previous_payment_intent": first["id"]}
    second = (await shop.api.put("/v1/carts/c1/payment-intent", json=follows)).json()

    refund = await shop.refund("k1", amount=100)
    unpaid = await shop.refund("k2", payment_intent=second["id"])
    assert refund.json()["payment_intent_id"] == first["id"]
    assert _problem(unpaid) == (409, "payment_not_refundable")


async def test_a_payment_intent_of_another_cart_cannot_be_named(shop: Shop) -> None:
    await shop.sell()
    other = await shop.sell("c2")
    assert _problem(await shop.refund("k1", payment_intent=other["id"])) == (404, "payment_intent_not_found")
    assert await shop.totals("c2") == (0, 10_000)


async def test_a_refund_under_way_follows_its_payment_from_a_session_to_a_cart(
    shop: Shop, sandbox: SandboxClient
) -> None:
    session, key = "/v1/sessions/s1", {"Idempotency-Key": "k1"}
    made = (await shop.api.put(f"{session}/payment-intent", json={"amount": 10_000, "currency": "eur"})).json()
    await sandbox.confirm(made["stripe_id"])
    await sandbox.wait_idle()
    await sandbox.hold("/v1/refunds", method="POST")
    asked = asyncio.create_task(shop.api.post(f"{session}/refunds", json={"amount": 3000}, headers=key))
    await until_held(sandbox)
    moved = await shop.api.post(f"{session}/payment-intent/move", json={"cart_id": "c1"})
    await sandbox.release()
    first = await asked
    again = await shop.api.post(f"{session}/refunds", json={"amount": 3000}, headers=key)
    late = await shop.api.post(f"{session}/refunds", json={"amount": 3000}, headers={"Idempotency-Key": "k2"})

    assert moved.status_code == 200
    assert (first.status_code, first.json()["status"]) == (201, "succeeded")
    assert again.json()["id"] == first.json()["id"] == (await shop.refunds())[0]["id"]
    assert _problem(late) == (409, "moved")
    assert late.json()["cart_id"] == "c1"
    assert await shop.totals() == (3000, 7000)


async def test_refunds_are_read_by_our_id_and_by_stripes(shop: Shop) -> None:
    await shop.sell()
    made = (await shop.refund("k1", amount=100)).json()
    for name in (made["id"], made["stripe_id"]):
        assert (await shop.api.get(f"/v1/refunds/{name}")).json() == made
    unknown = ("019ab0c9-1d0e-7c41-a6a5-0d3c5b7e2f60", "re_none")
    assert [_problem(await shop.api.get(f"/v1/refunds/{name}")) for name in unknown] == [(404, "refund_not_found")] * 2
    assert _problem(await shop.api.get("/v1/refunds/odd")) == (422, "validation_failed")


async def test_a_list_of_refunds_comes_in_pages(shop: Shop) -> None:
    await shop.sell()
    made = [(await shop.refund(f"k{n}", amount=n)).json()["id"] for n in range(1, 6)]
    seen: list[str] = []
    after: str | None = None
    for _ in range(3):
        query = {"limit": "2"} | ({"after": after} if after else {})
        page = (await shop.api.get("/v1/carts/c1/refunds", params=query)).json()
        seen += [each["id"] for each in page["data"]]
        after = page["next_cursor"]
    assert seen == made[::-1]
    assert after is None


ODD: list[dict[str, Any]] = [
    {"amount": 0},
    {"amount": -5},
    {"amount": "5"},
    {"amount": 5.0},
    {"amount": 10**12},
    {"reason": "because"},
    {"metadata": {"refund_id": "mine"}},
    {"metadata": {f"k{n}": "v" for n in range(46)}},
    {"payment_intent": "ch_1"},
    {"charge": "ch_1"},
]


async def test_an_invalid_request_is_refused_before_anything_is_reserved(shop: Shop) -> None:
    await shop.sell()
    for body in ODD:
        refused = await shop.refund("k1", **body)
        assert _problem(refused) == (422, "validation_failed"), body
        assert refused.json()["errors"][0]["field"].split(".")[0] == next(iter(body))
    assert await shop.totals() == (0, 10_000)


async def test_refunding_needs_its_own_scope(shop: Shop, new_key: NewKey) -> None:
    await shop.sell()
    made = (await shop.refund("k1", amount=100)).json()
    writer, refunder = await new_key("payments:read", "payments:write"), await new_key("refunds:write")

    shop.api.headers["Authorization"] = f"Bearer {writer}"
    assert _problem(await shop.refund("k2", amount=100)) == (403, "forbidden")
    shop.api.headers["Authorization"] = f"Bearer {refunder}"
    assert (await shop.refund("k2", amount=100)).status_code == 201
    reads = await asyncio.gather(shop.api.get("/v1/carts/c1/refunds"), shop.api.get(f"/v1/refunds/{made['id']}"))
    assert [_problem(read) for read in reads] == [(403, "forbidden")] * 2
    del shop.api.headers["Authorization"]
    assert _problem(await shop.refund("k3")) == (401, "unauthorized")
