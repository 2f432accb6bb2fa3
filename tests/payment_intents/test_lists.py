"""Payments are found by what is known of them, page by page, and by any id; each generation is there to read."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.http.pagination import Page
from app.payment_intents.listing import Filters, Range, query_of
from app.payment_intents.protocol.terms import Reference
from bench.reads import FILL
from sandbox.client import SandboxClient
from tests.cart import DECLINED, Cart
from tests.conftest import SECRET_KEY, TEMPLATE, Jobs
from tests.database import Database, open_database

LISTS = "/v1/payment-intents"
NOW = datetime.now(UTC)
MASTERCARD = "pm_card_mastercard"

Json = dict[str, Any]


async def _listed(api: httpx.AsyncClient, path: str = LISTS, **query: Any) -> list[Json]:
    answer = await api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    listed: list[Json] = answer.json()["data"]
    return listed


# One of them, of whichever generation.


async def test_every_generation_is_listed_and_read(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await cart.pay()
    second = await cart.owe(previous_payment_intent=first["id"], cart_version=2)
    listed = await _listed(cart.api, f"{cart.path}/payment-intents")
    assert [each["id"] for each in listed] == [second["id"], first["id"]]
    old = (await cart.api.get(f"{LISTS}/{first['id']}")).json()
    assert (old, old["closed_reason"], old["status"]) == (listed[1], "followed", "succeeded")


async def test_a_refund_and_a_flag_of_an_old_generation_are_visible(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await cart.pay("pm_card_createDispute")
    await cart.owe(previous_payment_intent=first["id"], cart_version=2)
    _, old = await _listed(cart.api, f"{cart.path}/payment-intents")
    assert old["flags"] == ["disputed"]


async def test_a_payment_intent_is_read_by_our_id_stripes_and_its_charge(cart: Cart) -> None:
    made = await cart.owe()
    await cart.pay()
    [attempt] = await cart.attempts()
    names = (made["id"], made["id"].upper(), made["stripe_id"], attempt["charge_id"])
    found = [(await cart.api.get(f"{LISTS}/{name}")).json() for name in names]
    assert found == [await cart.state()] * len(names)


@pytest.mark.parametrize("name", ["pi_none", "ch_none", "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11"])
async def test_an_unknown_payment_intent_is_not_found(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"{LISTS}/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")


async def test_a_cart_without_payment_intents_has_no_list(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/carts/nobody/payment-intents")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")


async def test_a_session_that_moved_keeps_what_it_had_before(session: Cart) -> None:
    await session.owe()
    await session.cancel()
    await session.owe(cart_version=2)
    await session.attach_to("c9")
    assert [each["generation"] for each in await _listed(session.api, f"{session.path}/payment-intents")] == [1]


# Filters.


async def test_each_filter_finds_exactly_what_fits(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> None:
    began = datetime.now(UTC)
    carts = {name: cart.another(f"/v1/carts/{name}") for name in ("paid", "failed", "held", "disputed", "dollars")}
    await carts["paid"].owe(amount=2499)
    await carts["failed"].owe()
    await carts["held"].owe(capture_method="manual", amount=3000)
    await carts["disputed"].owe(amount=4000)
    await carts["dollars"].owe(currency="usd", amount=2499)
    await carts["paid"].pay(MASTERCARD)
    await carts["failed"].pay(DECLINED)
    await carts["held"].pay()
    await carts["disputed"].pay("pm_card_createDispute")
    await jobs()
    everybody = ["dollars", "disputed", "held", "failed", "paid"]
    tomorrow = began + timedelta(days=1)
    found = {
        **{f"status={status}": names for status, names in (
            ("succeeded", ["disputed", "paid"]),
            ("requires_capture", ["held"]),
            ("requires_payment_method", ["dollars", "failed"]),
            ("canceled", []),
        )},
        "flag=disputed": ["disputed"],
        "flag=amount_mismatch": [],
        "reference=cart:paid": ["paid"],
        "reference=session:paid": [],
        "amount=2499": ["dollars", "paid"],
        "amount=2499&currency=eur": ["paid"],
        "currency=usd": ["dollars"],
        "card_last4=4444": ["paid"],
        "card_last4=0002": ["failed"],
        "card_last4=9999": [],
        f"created_from={began:%Y-%m-%dT%H:%M:%SZ}": everybody,
        f"created_to={began:%Y-%m-%dT%H:%M:%SZ}": [],
        f"created_from={tomorrow:%Y-%m-%dT%H:%M:%SZ}": [],
        f"paid_from={began:%Y-%m-%dT%H:%M:%SZ}": ["disputed", "paid"],
        f"paid_to={began:%Y-%m-%dT%H:%M:%SZ}": [],
        f"paid_from={began:%Y-%m-%dT%H:%M:%SZ}&card_last4=4444": ["paid"],
        "": everybody,
    }  # fmt: skip
    for query, names in found.items():
        listed = (await cart.api.get(f"{LISTS}?{query}")).json()["data"]
        assert [each["reference"]["id"] for each in listed] == names, query


async def test_payments_of_a_customer_are_found(cart: Cart, sandbox_url: str) -> None:
    async with httpx.AsyncClient(base_url=sandbox_url, auth=(SECRET_KEY, "")) as stripe:
        customer = (await stripe.post("/v1/customers")).json()["id"]
    made = await cart.owe(customer=customer)
    await cart.another("/v1/carts/c2").owe()
    assert [each["id"] for each in await _listed(cart.api, customer=customer)] == [made["id"]]
    assert made["customer"] == customer


@pytest.mark.parametrize(
    "query",
    [
        "status=paid",
        "flag=odd",
        "reference=c1",
        "reference=order:1",
        "customer=42",
        "amount=0",
        "amount=24.99",
        "currency=xyz",
        "card_last4=42",
        "created_from=yesterday",
        "created_from=2026-11-01T00:00:00",
        "paid_to=99999-01-01T00:00:00Z",
        "paid_to=0001-01-01T00:00:00Z",
        "limit=101",
        "after=x",
    ],
)
async def test_a_filter_that_can_fit_nothing_is_refused(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"{LISTS}?{query}")
    name = query.partition("=")[0]
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["code"] == "invalid_cursor" or problem["errors"][0]["field"] == f"query.{name}"


# Pages.


@pytest.mark.parametrize("order", ["", "paid_from=2020-01-01T00:00:00Z"], ids=["by creation", "by payment"])
async def test_pages_neither_skip_nor_repeat_while_rows_are_written(cart: Cart, database: Database, order: str) -> None:
    await _fill(database, 60)
    condition = "paid_at IS NOT NULL" if order else "true"
    expected = set(await database.column(f"SELECT reference_id FROM payment_intents WHERE {condition}"))  # noqa: S608 - our own text
    seen: list[str] = []
    cursor = ""
    for number in itertools.count():
        page = (await cart.api.get(f"{LISTS}?limit=7&{order}{cursor}")).json()
        seen += [each["reference"]["id"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&after={page['next_cursor']}"
        await cart.another(f"/v1/carts/new-{number}").owe()
        await database.execute("UPDATE payment_intents SET updated_at = now(), amount = amount + 1")
    assert number > 2
    assert len(seen) == len(set(seen))
    assert set(seen) == expected


# Each filter has an index, which gives the rows in the order of the list: nothing is sorted that may be large.

PLANS = {
    "nothing": (Filters(), "pk_payment_intents"),
    "status": (Filters(status="processing"), "ix_payment_intents_status"),
    "flag": (Filters(flag="duplicate_payment"), "ix_payment_intents_flagged"),
    "reference": (
        Filters(reference=Reference("cart", "cart-77")),
        ("uq_payment_intents_reference_kind", "ix_payment_intents_reference_prefix"),
    ),
    "beginning": (Filters(reference_prefix="cart-777", kinds=("cart",)), "ix_payment_intents_reference_prefix"),
    "email": (Filters(email_hash=bytes(16)), "ix_payment_intents_email_hash"),
    "customer": (Filters(customer="cus_76"), "ix_payment_intents_customer"),
    "amount": (Filters(amount=2499), "ix_payment_intents_amount"),
    "currency": (Filters(currency="chf"), "ix_payment_intents_currency"),
    "card": (Filters(card_last4="4242"), "ix_payment_attempts_card_last4"),
    "created": (Filters(created=Range(NOW - timedelta(days=300), NOW - timedelta(days=299))), "pk_payment_intents"),
    "paid": (Filters(paid=Range(NOW - timedelta(days=300), NOW - timedelta(days=299))), "ix_payment_intents_paid_at"),
}


@pytest.fixture(scope="module")
def filled_url(database_url: str) -> str:
    """Return the address of a database with many payments, made once for all plans."""
    url = f"{database_url}_lists"

    async def fill() -> None:
        async with open_database(database_url) as database:
            name = url.rpartition("/")[2]
            await database.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await database.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        async with open_database(url) as database:
            await _fill(database, 20_000)
            await database.execute("VACUUM ANALYZE")

    asyncio.run(fill())
    return url


@pytest.mark.parametrize("name", PLANS)
async def test_each_filter_has_its_index(filled_url: str, name: str) -> None:
    filters, index = PLANS[name]
    sql, values = query_of(filters, Page(20, None))
    connection = await asyncpg.connect(filled_url)
    try:
        [[plan]] = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
    finally:
        await connection.close()
    nodes = list(_nodes(json.loads(plan)[0]["Plan"]))
    touched = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in nodes
    )
    assert any(node.get("Index Name", "").startswith(index) for node in nodes), plan
    assert not any(node["Node Type"] == "Seq Scan" for node in nodes), plan
    assert touched < 500, plan


def _nodes(plan: Json) -> Iterator[Json]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


async def _fill(database: Database, count: int) -> None:
    for statement in FILL.values():
        await database.execute(statement, *([count] if "$1" in statement else []))
