"""What the pages show: found payments, amounts as a bar, the state in words, the timeline; and text as text."""

import re
import socket
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.console.pages import COOKIE
from app.main import create_app
from app.resources import Resources
from app.settings import Settings
from tests.cart import CHALLENGED, DECLINED, Cart
from tests.conftest import NewKey, serving, settings_for
from tests.console.conftest import SignedIn
from tests.console.visitor import Visitor
from tests.database import Database

EVIL = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>' onfocus='x' {{7*7}} ${7*7} </textarea> &amp; \u202e"


class Parsed(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(Parsed(page).text))


async def test_a_payment_is_found_by_the_end_of_its_card_and_its_amount(cart: Cart, signed_in: SignedIn) -> None:
    made = await cart.owe(amount=2450)
    await cart.pay()
    await cart.another("/v1/carts/c2").owe(amount=2450)
    visitor = await signed_in()
    page = await visitor.page("/console?q=4242+24.50")
    assert f"/console/payments/{made['id']}" in page
    assert page.count("/console/payments/") == 1
    assert "a card that ends in 4242" in text_of(page)
    assert "Nothing was found" in text_of(await visitor.page("/console?q=4242+24.51"))


async def test_a_list_keeps_its_filters_in_the_address_of_the_next_page(cart: Cart, signed_in: SignedIn) -> None:
    for number in range(27):
        await cart.another(f"/v1/carts/n{number}").owe(currency="usd" if number < 26 else "eur")
    visitor = await signed_in()
    page = await visitor.page("/console?currency=usd&status=requires_payment_method")
    assert page.count('<td class="amount">') == 25
    following = unescape(re.search(r'href="(\?[^"]*after=[^"]*)"', page)[1])  # type: ignore[index] # it is there
    assert "currency=usd" in following
    assert "status=requires_payment_method" in following
    rest = await visitor.page(f"/console{following}")
    assert rest.count('<td class="amount">') == 1
    assert "after=" not in rest


async def test_what_is_not_understood_is_said_on_the_page(signed_in: SignedIn) -> None:
    visitor = await signed_in()
    for query in [
        "?currency=xyz",
        "?card_last4=12",
        "?created_from=yesterday",
        "?status=x",
        "?flag=x",
        "?q=a@example.com",
    ]:
        assert 'role="alert"' in await visitor.page(f"/console{query}"), query


WRONG_ADDRESSES = (
    *(("/console?after=x", 422), ("/console/refunds?status=X", 422), ("/console/refunds?after=%00", 422)),
    *(("/console/payments/none", 404), ("/console/payments/019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11", 404)),
    *(("/console/static/..%2Fpages.py", 404), ("/console/static/none", 404), ("/console/none", 404)),
    *((f"/console?q={'x' * 201}", 422), ("/console?q=%00", 422), ("/console/", 404)),
)


async def test_a_wrong_address_gets_a_page_that_says_so(signed_in: SignedIn) -> None:
    visitor = await signed_in()
    for path, status in WRONG_ADDRESSES:
        answer = await visitor.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"].startswith("text/html")
        assert '<section class="card narrow">' in answer.text, path


async def test_a_paid_and_partly_refunded_payment_is_explained(
    cart: Cart, signed_in: SignedIn, new_key: NewKey
) -> None:
    made = await cart.owe(amount=2450)
    await cart.pay(DECLINED)
    await cart.pay()
    cart.api.headers["Authorization"] = f"Bearer {await new_key('payments:read', 'refunds:write')}"
    await cart.api.post(f"{cart.path}/refunds", json={"amount": 650}, headers={"Idempotency-Key": "1"})
    page = await (await signed_in()).page(f"/console/payments/{made['id']}")
    text = text_of(page)
    assert "Partly refunded" in text
    assert "EUR 24.50 was received" in text
    assert "Kept EUR 18.00" in text
    assert "Refunded EUR 6.50" in text
    assert "The bank declined the card and gave no reason." in text
    assert re.findall(r'class="part (\w+)"', page) == ["kept", "refunded"]
    assert f"dashboard.stripe.com/test/payments/{made['stripe_id']}" in page
    order = [text.index(word) for word in ("Payment begun", "Attempt failed", "Paid EUR", "Refund requested")]
    assert order == sorted(order)


async def test_each_state_is_said_in_words(cart: Cart, signed_in: SignedIn) -> None:
    visitor = await signed_in()

    async def shown(**terms: Any) -> str:
        return text_of(await visitor.page(f"/console/payments/{(await cart.owe(**terms))['id']}"))

    assert "Nobody has tried to pay. If nobody does anything, it is canceled on" in await shown()
    await cart.pay(DECLINED)
    assert "The last attempt failed. The bank declined the card" in await shown()
    await cart.pay(CHALLENGED)
    assert "The bank asks the shopper to confirm it" in await shown()
    await cart.cancel()
    held = cart.another("/v1/carts/held")
    made = await held.owe(capture_method="manual")
    await held.pay()
    await held.get(sync="true")
    assert "EUR 10.00 is held on the card" in text_of(await visitor.page(f"/console/payments/{made['id']}"))


async def test_each_further_payment_of_a_cart_is_a_branch(cart: Cart, signed_in: SignedIn) -> None:
    first = await cart.owe()
    await cart.cancel()
    second = await cart.owe(amount=2000)
    page = await (await signed_in()).page(f"/console/payments/{second['id']}")
    assert f"/console/payments/{first['id']}" in page
    assert page.count(" branch") == 1
    assert "payment 2" in text_of(page)


@pytest.mark.parametrize("field", ["reference", "description", "metadata", "key", "email", "shipping", "search"])
async def test_what_callers_send_is_shown_as_text(field: str, cart: Cart, signed_in: SignedIn) -> None:
    evil = EVIL if field != "reference" else EVIL.replace("\u202e", "")
    terms: dict[str, Any] = {
        "description": {"description": evil},
        "metadata": {"metadata": {"name": evil}},
        "key": {"metadata": {"<script>alert(1)</script>": "x"}},
        "email": {"receipt_email": "<script>alert(1)</script>@example.com"},
        "shipping": {"shipping": {"name": evil, "address": {"city": evil}}},
    }
    if field == "reference":
        cart = cart.another(f"/v1/carts/{quote(evil, safe='')}")
    made = await cart.owe(**terms.get(field, {}))
    visitor = await signed_in()
    pages = [await visitor.page(f"/console/payments/{made['id']}"), await visitor.page("/console")]
    if field == "search":
        pages.append(await visitor.page(f"/console?q={quote(EVIL[:180])}"))
    for page in pages:
        elements = Parsed(page).elements
        assert [values for tag, values in elements if tag == "script"] == [
            {"src": "/console/static/live.js", "defer": None}
        ]
        assert not [name for _, values in elements for name in values if name.startswith("on")]
        assert not [tag for tag, _ in elements if tag in {"img", "iframe", "object", "style"}]
    if field != "search":
        assert "<script>alert(1)</script>" in unescape(pages[0])


async def test_no_page_has_a_secret(cart: Cart, signed_in: SignedIn, database: Database) -> None:
    made = await cart.owe(receipt_email="ada@example.com")
    await cart.pay()
    visitor = await signed_in("operator")
    pages = [await visitor.page(path) for path in ("/console", f"/console/payments/{made['id']}")]
    secrets = [
        made["client_secret"],
        cart.api.headers["Authorization"].removeprefix("Bearer "),
        *visitor.cookies.values(),
    ]
    hashes = [each.hex() for each in await database.column("SELECT email_hash FROM payment_intents") if each]
    assert not [secret for secret in (*secrets, *hashes) for page in pages if secret in page]
    assert not [page for page in pages if "_secret_" in page]


def test_production_serves_no_console_unless_it_is_switched_on(database_url: str, sandbox_url: str) -> None:
    def paths(**changes: Any) -> list[str]:
        settings: Settings = settings_for(database_url, sandbox_url, **changes)
        return [getattr(route, "path", "") for route in create_app(settings).routes]

    assert "/console" in paths()
    assert "/console" not in paths(environment="production")
    assert "/console" in paths(environment="production", serve_console=True)
    assert "/console" not in paths(serve_console=False)


async def test_while_the_database_is_away_a_page_says_so(resources: Resources) -> None:
    away = settings_for("postgresql://nobody@127.0.0.1:1/none", resources.settings.stripe_api_base or "")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serving(away, listener):
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
                for method, path in (("GET", "/console"), ("POST", "/console/sign-out"), ("GET", "/console/live")):
                    answer = await Visitor(client, {COOKIE: "x" * 43}).send(
                        method, path, {} if method == "POST" else None
                    )
                    assert (answer.status_code, "database_unavailable" in answer.text) == (503, True)
                    assert answer.headers["content-type"].startswith("text/html")
                    assert answer.headers["retry-after"]
