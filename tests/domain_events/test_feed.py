"""The feed gives each event once, in each reference's sequence, and refuses a cursor that it can't go on from."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.domain_events import retention
from app.domain_events.installation import renumber_if_restored
from app.domain_events.schemas import EVENT_MODELS
from app.resources import Resources
from tests.cart import Cart
from tests.conftest import NewKey
from tests.database import Database

Json = dict[str, Any]


class Feed:
    """A client that may read the feed, beside the one that pays."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self._client = client
        self._database = database

    async def get(self, **params: Any) -> httpx.Response:
        return await self._client.get("/v1/events", params=params)

    async def page_now(self, **params: Any) -> Json:
        """Return the page of what can be read now, which other tests' transactions may hold up."""
        answer = await self.get(**params)
        assert answer.status_code == 200, answer.text
        page: Json = answer.json()
        return page

    async def page(self, **params: Any) -> Json:
        """Return the page of all that was written before."""
        await self._database.until_events_are_readable()
        return await self.page_now(**params)

    async def all(self, limit: int = 100, **params: Any) -> list[Json]:
        """Read to the end, page by page."""
        events: list[Json] = []
        while True:
            page = await self.page(limit=limit, **params)
            events += page["data"]
            params["after"] = page["next_cursor"]
            if page["is_caught_up"]:
                return events


@pytest.fixture
async def feed(anonymous: httpx.AsyncClient, cart: Cart, new_key: NewKey, database: Database) -> AsyncIterator[Feed]:
    async with httpx.AsyncClient(base_url=anonymous.base_url, timeout=40, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {await new_key('events:read')}"
        yield Feed(client, database)


def _names(events: list[Json]) -> list[tuple[str, int, str]]:
    return [(each["reference"]["id"], each["sequence"], each["type"]) for each in events]


async def test_events_are_told_once_in_each_sequence_whatever_the_page(
    feed: Feed, cart: Cart, database: Database
) -> None:
    for name in ("c1", "c2", "c3"):
        await cart.another(f"/v1/carts/{name}").owe()
    await cart.another("/v1/carts/c1").put(amount=1500)
    whole = await feed.all()
    assert _names(whole) == [
        *((name, 1, "payment.opened") for name in ("c1", "c2", "c3")),
        ("c1", 2, "payment.amount_changed"),
    ]
    for event in whole:
        EVENT_MODELS[event["type"]].model_validate(event)
    assert await feed.all(limit=1) == whole
    assert len({each["id"] for each in whole}) == 4


async def test_the_cursor_is_always_given_and_goes_on_where_it_was(feed: Feed, cart: Cart) -> None:
    nothing = await feed.page()
    assert (nothing["data"], nothing["is_caught_up"]) == ([], True)
    await cart.owe()
    found = await feed.page(after=nothing["next_cursor"])
    assert _names(found["data"]) == [("c1", 1, "payment.opened")]
    again = await feed.page(after=found["next_cursor"])
    assert (again["data"], again["next_cursor"]) == ([], found["next_cursor"])


async def test_latest_is_behind_all_that_there_is(feed: Feed, cart: Cart) -> None:
    await cart.owe()
    latest = await feed.page(after="latest")
    assert latest["data"] == []
    await cart.another("/v1/carts/c2").owe()
    assert _names((await feed.page(after=latest["next_cursor"]))["data"]) == [("c2", 1, "payment.opened")]


async def test_types_and_references_are_chosen_and_the_cursor_passes_the_others(
    feed: Feed, cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.domain_events.feed.SCAN", 2)
    for name in ("c1", "c2", "c3"):
        await cart.another(f"/v1/carts/{name}").owe()
        await cart.another(f"/v1/carts/{name}").put(amount=1500)
    chosen = await feed.all(limit=1, types="payment.amount_changed")
    assert _names(chosen) == [(name, 2, "payment.amount_changed") for name in ("c1", "c2", "c3")]
    assert len(await feed.all(types="payment.*")) == 6
    assert await feed.all(types="refund.*,dispute.opened") == []
    first = await feed.page(limit=1, types="refund.*")
    assert (first["data"], first["is_caught_up"]) == ([], False)
    assert first["next_cursor"] != (await feed.page(after=first["next_cursor"], limit=1))["next_cursor"]
    assert _names(await feed.all(reference="cart:c2")) == [("c2", 1, "payment.opened"), ("c2", 2, chosen[0]["type"])]
    assert _names(await feed.all(limit=1, reference="cart:c2", types="payment.opened")) == [("c2", 1, "payment.opened")]


@pytest.mark.parametrize("types", ["payment.nope", "nope.*", "payment.succeeded,nope", "*pay", "payment*"])
async def test_an_unknown_type_is_refused_with_those_that_there_are(feed: Feed, types: str) -> None:
    answer = await feed.get(types=types)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_event_type")
    assert answer.json()["known_types"] == list(EVENT_MODELS)


async def test_an_event_that_is_committed_late_is_not_passed(feed: Feed, cart: Cart, database: Database) -> None:
    await cart.owe()
    late = (
        "INSERT INTO domain_events (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor)"
        " SELECT reference_kind, reference_id, 2, payment_intent_id, type, data, actor FROM domain_events"
    )
    await database.until_events_are_readable()
    async with database.locked(late):  # it has its number, and is committed after the next one
        await cart.another("/v1/carts/c2").owe()
        before = await feed.page_now()
        assert _names(before["data"]) == [("c1", 1, "payment.opened")]
    after = await feed.all(after=before["next_cursor"])
    assert _names(after) == [("c1", 2, "payment.opened"), ("c2", 1, "payment.opened")]


async def test_a_waiting_caller_is_answered_by_the_event(feed: Feed, cart: Cart) -> None:
    cursor = (await feed.page())["next_cursor"]
    waiting = [asyncio.create_task(feed.page(after=cursor, wait=20)) for _ in range(5)]
    other = asyncio.create_task(feed.page(after=cursor, wait=0.6, types="refund.*"))
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in (*waiting, other))
    await cart.owe()
    async with asyncio.timeout(3):
        pages = await asyncio.gather(*waiting)
    assert [_names(page["data"]) for page in pages] == [[("c1", 1, "payment.opened")]] * 5
    assert (await other)["data"] == []


async def test_who_waits_behind_the_latest_gets_the_next(feed: Feed, cart: Cart) -> None:
    await cart.owe()
    waiting = asyncio.create_task(feed.page(after="latest", wait=20, types="payment.amount_changed"))
    await asyncio.sleep(0.3)
    await cart.put(amount=1500)
    async with asyncio.timeout(3):
        assert _names((await waiting)["data"]) == [("c1", 2, "payment.amount_changed")]


async def test_who_waits_in_vain_is_answered_in_time(feed: Feed) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    page = await feed.page(after="latest", wait=0.4)
    page = await feed.page(after=page["next_cursor"], wait=0.4)
    assert (page["data"], page["is_caught_up"]) == ([], True)
    assert 0.7 < loop.time() - began < 5


def _changed(cursor: str, part: int, value: str) -> str:
    parts = base64.urlsafe_b64decode(cursor).decode().split(".")
    parts[part] = value
    return base64.urlsafe_b64encode(".".join(parts).encode()).decode()


@pytest.mark.parametrize(
    ("part", "value"), [(0, uuid4().hex), (1, "999999"), (2, "1999999999000000")], ids=["of others", "lost", "reused"]
)
async def test_a_cursor_of_elsewhere_is_refused(feed: Feed, cart: Cart, part: int, value: str) -> None:
    await cart.owe()
    cursor = _changed((await feed.page())["next_cursor"], part, value)
    answer = await feed.get(after=cursor)
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_unknown")


@pytest.mark.parametrize("after", ["x", "", "bm9uZQ==", "é"])
async def test_what_is_no_cursor_is_refused(feed: Feed, after: str) -> None:
    answer = await feed.get(after=after)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_old_events_are_forgotten_and_their_cursors_say_so(
    feed: Feed, cart: Cart, database: Database, resources: Resources
) -> None:
    await cart.owe()
    await database.execute("UPDATE domain_events SET created_at = created_at - interval '401 days'")
    old = await feed.page()
    await cart.another("/v1/carts/c2").owe()
    assert await retention.purge_events(resources) == 1
    assert _names(await feed.all()) == [("c2", 1, "payment.opened")]
    answer = await feed.get(after=old["next_cursor"])
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    await database.execute("UPDATE domain_events SET created_at = created_at - $1::interval", timedelta(days=399))
    assert await retention.purge_events(resources) == 0


async def test_a_dump_restored_on_another_server_is_put_in_front(
    feed: Feed, cart: Cart, database: Database, resources: Resources
) -> None:
    for name in ("c1", "c2"):
        await cart.another(f"/v1/carts/{name}").owe()
        await cart.another(f"/v1/carts/{name}").put(amount=1500)
    before = await feed.page()
    identifier = await database.value("SELECT system_identifier FROM event_feed")
    await database.execute(
        "UPDATE domain_events SET xid = (1000000000 - xid::text::bigint)::text::xid8;"  # of a server that is far ahead
        " UPDATE event_feed SET system_identifier = 1"
    )
    closed = await feed.get()
    assert (closed.status_code, closed.json()["code"]) == (503, "feed_not_migrated")
    assert closed.headers["Retry-After"]
    assert await renumber_if_restored(resources.database)
    assert not await renumber_if_restored(resources.database)
    assert await database.value("SELECT system_identifier FROM event_feed") == identifier
    await cart.another("/v1/carts/c1").put(amount=1600)
    events = _names(await feed.all())
    assert [each[:2] for each in events] == [("c1", 1), ("c1", 2), ("c2", 1), ("c2", 2), ("c1", 3)]
    refused = await feed.get(after=before["next_cursor"])
    assert refused.json()["code"] == "cursor_unknown"


async def test_an_upgraded_server_keeps_the_order_and_the_cursors(
    feed: Feed, cart: Cart, database: Database, resources: Resources
) -> None:
    await cart.owe()
    before = await feed.page()
    await database.execute("UPDATE event_feed SET system_identifier = 1")
    assert not await renumber_if_restored(resources.database)
    await cart.put(amount=1500)
    assert _names(await feed.all(after=before["next_cursor"])) == [("c1", 2, "payment.amount_changed")]
