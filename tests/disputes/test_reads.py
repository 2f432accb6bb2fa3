"""Disputes are read and listed, with until when they can be answered and how they ended."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs

DISPUTES = "/v1/disputes"


async def test_a_dispute_is_read_by_our_id_and_stripes(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> None:
    made = await cart.owe()
    await cart.pay("pm_card_createDispute")
    [listed] = (await cart.api.get(DISPUTES)).json()["data"]
    read = [(await cart.api.get(f"{DISPUTES}/{listed[name]}")).json() for name in ("id", "stripe_id")]
    assert read == [listed, listed]
    assert (listed["status"], listed["reason"], listed["amount"]) == ("needs_response", "fraudulent", 1000)
    assert (listed["payment_intent_id"], listed["reference"]) == (made["id"], {"kind": "cart", "id": "c1"})
    assert (listed["outcome"], listed["is_charge_refundable"]) == (None, False)
    assert datetime.fromisoformat(listed["due_by"]) > datetime.now(UTC) + timedelta(days=1)

    await sandbox.dashboard_close_dispute(listed["stripe_id"])
    await sandbox.wait_idle()
    await jobs()
    assert (await cart.api.get(f"{DISPUTES}/{listed['id']}")).json()["outcome"] == "lost"


async def test_disputes_are_listed_by_status_and_reference(cart: Cart) -> None:
    carts = [cart.another(f"/v1/carts/{name}") for name in ("d1", "d2", "d3")]
    for each in carts:
        await each.owe()
        await each.pay("pm_card_createDispute")

    async def listed(query: str) -> list[str]:
        page = (await cart.api.get(f"{DISPUTES}?{query}")).json()
        rest = await listed(f"{query}&after={page['next_cursor']}") if page["next_cursor"] else []
        return [each["reference"]["id"] for each in page["data"]] + rest

    assert sorted(await listed("limit=2")) == ["d1", "d2", "d3"]
    assert sorted(await listed("status=needs_response")) == ["d1", "d2", "d3"]
    assert await listed("status=lost") == []
    assert await listed("reference=cart:d2") == ["d2"]


@pytest.mark.parametrize("name", ["dp_none", "du_none", "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11"])
async def test_an_unknown_dispute_is_not_found(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"{DISPUTES}/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "dispute_not_found")
