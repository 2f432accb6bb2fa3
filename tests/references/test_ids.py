"""A cart's or session's id is any printable text, as the caller's system has it, on every path and in every answer."""

from urllib.parse import quote

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.cart import TEN_EUROS, Cart
from tests.conftest import NewKey

IDS = {
    "a colon": "cart:123",
    "an address": "a@b.example",
    "a URI": "gid://shopify/Cart/1",
    "255 characters": "x" * 255,
    "umlauts": "Körbchen-ß",
    "255 characters of three bytes": "€" * 255,
    "a space": "a b",
    "what a URL means otherwise": "a?b#c%2Fd;e&f=g+h",
    "three dots": "...",
    "a slash first and last": "/a/",
    "a smile": "😀",
}

each_id = pytest.mark.parametrize("name", IDS)


def path_of(reference_id: str, kind: str = "carts") -> str:
    return f"/v1/{kind}/{quote(reference_id, safe='')}"


@each_id
async def test_a_cart_is_paid_and_read_under_any_printable_id(name: str, cart: Cart, sandbox: SandboxClient) -> None:
    cart = cart.another(path_of(IDS[name]))
    made = await cart.owe()
    await cart.pay()
    assert (await cart.at_stripe())["metadata"]["reference_id"] == made["reference"]["id"] == IDS[name]
    assert (await cart.state())["status"] == "succeeded"
    assert len(await cart.attempts()) == 1
    listed = await cart.api.get("/v1/payment-intents", params={"reference": f"cart:{IDS[name]}"})
    assert [each["id"] for each in listed.json()["data"]] == [made["id"]]


@each_id
async def test_a_checkout_token_is_good_for_this_very_id(name: str, cart: Cart, anonymous: httpx.AsyncClient) -> None:
    cart = cart.another(path_of(IDS[name]))
    await cart.owe()
    token = (await cart.api.post(f"{cart.path}/checkout-token")).json()["token"]
    header = {"Authorization": f"Bearer {token}"}
    secret = await anonymous.get(f"{cart.path}/payment-intent/client-secret", headers=header)
    other = await anonymous.get(f"{path_of(IDS[name] + 'x')}/payment-intent/client-secret", headers=header)
    assert (secret.status_code, other.status_code) == (200, 403)


@each_id
async def test_a_session_is_moved_to_a_cart_of_any_id(name: str, session: Cart) -> None:
    session = session.another(path_of(IDS[name], "sessions"))
    made = await session.owe()
    moved = await session.attach_to(IDS[name])
    answer = await session.get()
    assert (moved.status_code, moved.json()["id"]) == (200, made["id"])
    assert (answer.status_code, answer.json()["cart_id"]) == (409, IDS[name])
    assert (await session.another(path_of(IDS[name])).state())["reference"] == {"kind": "cart", "id": IDS[name]}


async def test_an_encoded_slash_is_no_other_cart(cart: Cart) -> None:
    await cart.another(path_of("a/b")).owe()
    others = [await cart.api.get(f"/v1/carts/{each}/payment-intent") for each in ("a%252Fb", "a", "a/b", "a%1Fb")]
    assert [each.status_code for each in others] == [404, 404, 404, 422]


@pytest.mark.parametrize("path", ["/v1/carts%2Fc1/payment-intent", "/v1%2Fnothing", "/v1/refunds/re_%2F"])
async def test_an_encoded_slash_elsewhere_is_not_found(path: str, api: httpx.AsyncClient, new_key: NewKey) -> None:
    answers = [await api.get(path), await api.put(path, json=TEN_EUROS)]
    assert {each.status_code for each in answers} <= {404, 405, 422}
    assert all(each.json()["code"] for each in answers)
