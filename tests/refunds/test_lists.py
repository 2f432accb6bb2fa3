"""Refunds of all carts are listed in one place."""

from typing import Any

from tests.refunds.conftest import Shop


async def _listed(shop: Shop, query: str) -> list[dict[str, Any]]:
    page = (await shop.api.get(f"/v1/refunds?{query}")).json()
    rest = await _listed(shop, f"{query}&after={page['next_cursor']}") if page["next_cursor"] else []
    return [*page["data"], *rest]


async def test_refunds_are_listed_by_status_and_reference(shop: Shop) -> None:
    for cart in ("c1", "c2", "c3"):
        await shop.sell(cart)
        await shop.refund(f"refund-{cart}", cart, amount=100)
    everything = await _listed(shop, "limit=2")
    assert [each["reference"]["id"] for each in everything] == ["c3", "c2", "c1"]
    assert await _listed(shop, "status=succeeded") == everything
    assert await _listed(shop, "status=failed") == []
    assert await _listed(shop, "reference=cart:c2") == everything[1:2]
    assert (await shop.api.get(f"/v1/refunds/{everything[0]['id']}")).json() == everything[0]
