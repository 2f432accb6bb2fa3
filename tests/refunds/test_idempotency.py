"""The same idempotency key returns the same refund, however often and whenever it is sent."""

import asyncio
from typing import Any

from sandbox.client import SandboxClient
from tests.conftest import Jobs, NewKey
from tests.refunds.conftest import Shop
from tests.waiting import until_held


async def test_the_same_key_with_the_same_body_gives_the_same_refund(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell()
    body: dict[str, Any] = {"amount": 3000, "metadata": {"a": "1", "b": "2"}}
    first = await shop.refund("k1", **body)
    again = await shop.refund("k1", metadata={"b": "2", "a": "1"}, amount=3000)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (3000, 7000)


async def test_the_rest_is_refunded_once_however_often_it_is_asked_for_with_one_key(shop: Shop) -> None:
    await shop.sell()
    first, again = await shop.refund("k1"), await shop.refund("k1")
    assert again.json() == first.json()
    assert await shop.totals() == (10_000, 0)


async def test_the_same_key_with_another_body_is_refused(shop: Shop) -> None:
    await shop.sell()
    await shop.refund("k1", amount=3000)
    others: list[dict[str, Any]] = [{"amount": 3001}, {}, {"amount": 3000, "reason": "duplicate"}]
    for other in others:
        refused = await shop.refund("k1", **other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert await shop.totals() == (3000, 7000)


async def test_the_same_key_for_another_cart_is_refused_at_the_same_moment_too(shop: Shop) -> None:
    await shop.sell("c1")
    await shop.sell("c2")
    answers = await asyncio.gather(shop.refund("k1", "c1", amount=100), shop.refund("k1", "c2", amount=100))
    late = await shop.refund("k1", "c1" if answers[0].status_code == 422 else "c2", amount=100)

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert (late.status_code, late.json()["code"]) == (422, "idempotency_key_reused")
    assert sorted([await shop.totals("c1"), await shop.totals("c2")]) == [(0, 10_000), (100, 9900)]


async def test_a_key_belongs_to_the_client_and_survives_the_rotation_of_its_api_key(
    shop: Shop, new_key: NewKey
) -> None:
    await shop.sell()
    first = await shop.refund("k1", amount=100)
    shop.api.headers["Authorization"] = f"Bearer {await new_key('refunds:write', 'payments:read')}"
    rotated = await shop.refund("k1", amount=100)
    shop.api.headers["Authorization"] = f"Bearer {await new_key('refunds:write', 'payments:read', client='desk')}"
    another = await shop.refund("k1", amount=100)

    assert rotated.json() == first.json()
    assert another.status_code == 201
    assert another.json()["id"] != first.json()["id"]
    assert await shop.totals() == (200, 9800)


async def test_many_with_one_key_at_once_make_one_refund(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell()
    await sandbox.latency(0.05, "/v1/refunds")
    answers = await asyncio.gather(*(shop.refund("k1", amount=3000) for _ in range(10)))

    assert {answer.status_code for answer in answers} <= {201, 202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (3000, 7000)


async def test_a_repeat_while_the_first_still_runs_is_answered_202_at_once(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await shop.sell()
    await sandbox.hold("/v1/refunds", method="POST")
    first = asyncio.create_task(shop.refund("k1", amount=3000))
    await until_held(sandbox)
    meanwhile = await shop.refund("k1", amount=3000)
    state = await shop.state()
    await sandbox.release()
    done = await first

    assert (meanwhile.status_code, meanwhile.json()["status"], meanwhile.json()["stripe_id"]) == (202, None, None)
    assert (state["amount_refunded"], state["amount_refundable"]) == (0, 7000)  # reserved, not refunded yet
    assert done.status_code == 201
    assert done.json()["id"] == meanwhile.json()["id"]
    await jobs()
    assert await shop.totals() == (3000, 7000)


async def test_a_missing_or_malformed_key_is_refused_and_named(shop: Shop) -> None:
    await shop.sell()
    for key in (None, b"", b"k" * 256, "schlüssel".encode(), b"tab\there"):
        headers = [] if key is None else [(b"Idempotency-Key", key)]
        refused = await shop.api.post("/v1/carts/c1/refunds", json={}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), key
        assert [error["field"] for error in refused.json()["errors"]] == ["header.Idempotency-Key"]
    assert await shop.totals() == (0, 10_000)


async def test_the_longest_key_of_all_allowed_characters_works(shop: Shop) -> None:
    await shop.sell()
    key = "!~ \"'" + "k" * 250
    assert (await shop.refund(key, amount=100)).status_code == 201
    assert (await shop.refund(key, amount=100)).status_code == 201
    assert await shop.totals() == (100, 9900)
