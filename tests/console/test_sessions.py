"""Sessions are short, change their cookie, and can be ended."""

import asyncio
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from app.__main__ import app
from app.auth.person import Person
from app.console import sessions
from app.console.pages import COOKIE
from app.console.sessions import open_session
from app.resources import Resources
from tests.cart import Cart
from tests.console.conftest import SignedIn
from tests.console.visitor import Visitor
from tests.database import Database

HOUR = timedelta(hours=1)


async def age(database: Database, by: timedelta, *moments: str) -> None:
    changes = ", ".join(f"{moment} = {moment} - $1::interval" for moment in moments)
    await database.execute(f"UPDATE console_sessions SET {changes}", by)  # noqa: S608 - names of columns


async def is_signed_in(visitor: Visitor) -> bool:
    return (await visitor.get("/console")).status_code == 200


async def test_a_session_ends_when_nobody_uses_it(signed_in: SignedIn, database: Database) -> None:
    visitor = await signed_in()
    await age(database, timedelta(minutes=29), "last_seen_at")
    assert await is_signed_in(visitor)
    await age(database, timedelta(minutes=29), "last_seen_at")
    assert await is_signed_in(visitor), "the request before counts"
    await age(database, timedelta(minutes=31), "last_seen_at")
    assert not await is_signed_in(visitor)


async def test_a_session_ends_after_its_lifetime_however_much_it_is_used(
    signed_in: SignedIn, database: Database
) -> None:
    visitor = await signed_in()
    await age(database, 8 * HOUR, "expires_at")
    assert not await is_signed_in(visitor)


async def test_the_cookie_changes_and_the_one_before_works_for_requests_under_way(
    signed_in: SignedIn, database: Database
) -> None:
    visitor = await signed_in()
    first = Visitor(visitor.client, dict(visitor.cookies))
    await age(database, timedelta(minutes=11), "rotated_at")
    assert await is_signed_in(visitor)
    assert visitor.cookies[COOKIE] != first.cookies[COOKIE]
    assert await is_signed_in(first)
    assert await is_signed_in(visitor)


async def test_two_requests_at_once_change_the_cookie_once(signed_in: SignedIn, database: Database) -> None:
    visitor = await signed_in()
    await age(database, timedelta(minutes=11), "rotated_at")
    browsers = [Visitor(visitor.client, dict(visitor.cookies)) for _ in range(5)]
    answers = await asyncio.gather(*(browser.get("/console") for browser in browsers))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len([answer for answer in answers if "set-cookie" in answer.headers]) == 1


async def test_an_old_copy_of_the_cookie_ends_the_session(signed_in: SignedIn, database: Database) -> None:
    visitor = await signed_in()
    copy = Visitor(visitor.client, dict(visitor.cookies))
    await age(database, timedelta(minutes=11), "rotated_at")
    assert [await is_signed_in(visitor) for _ in range(2)] == [True, True]
    await age(database, timedelta(minutes=2), "rotated_at")
    assert not await is_signed_in(copy)
    assert not await is_signed_in(visitor), "nobody knows which of the two is the thief"


async def test_whatever_a_browser_asks_for_brings_its_next_cookie(
    cart: Cart, signed_in: SignedIn, database: Database
) -> None:
    payment = (await cart.owe())["id"]
    visitor = await signed_in("operator")
    form = await visitor.form_at(f"/console/payments/{payment}/cancel", f"/console/payments/{payment}/cancel")
    for method, path, fields in (
        ("GET", "/console/none", None),
        ("GET", "/console/payments/019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11", None),
        ("GET", "/console?after=x", None),
        ("POST", f"/console/payments/{payment}/cancel", form | {"reason": "agreed", "confirm": "yes"}),
        ("POST", "/console/sign-out", {"token": "wrong"}),
    ):
        before = visitor.cookies[COOKIE]
        await age(database, timedelta(minutes=11), "rotated_at")
        await visitor.send(method, path, fields)
        assert visitor.cookies[COOKIE] != before, path
    await age(database, timedelta(minutes=2), "rotated_at")
    assert await is_signed_in(visitor)


async def test_a_stream_brings_the_next_cookie_too(signed_in: SignedIn, database: Database) -> None:
    visitor = await signed_in()
    await age(database, timedelta(minutes=11), "rotated_at")
    headers = {"Cookie": f"{COOKIE}={visitor.cookies[COOKIE]}"}
    async with visitor.client.stream("GET", "/console/live", headers=headers) as answer:
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=")


async def test_a_browser_that_did_not_get_its_next_cookie_stays_signed_in(
    signed_in: SignedIn, database: Database
) -> None:
    visitor = await signed_in()
    lost = Visitor(visitor.client, dict(visitor.cookies))
    await age(database, timedelta(minutes=11), "rotated_at")
    assert await is_signed_in(lost), "its answer is lost, and the cookie in it"
    await age(database, timedelta(minutes=2), "rotated_at")
    first = visitor.cookies[COOKIE]
    assert await is_signed_in(visitor)
    assert visitor.cookies[COOKIE] != first
    assert not await is_signed_in(Visitor(visitor.client, dict(lost.cookies))), "what was lost is worth nothing"
    assert await is_signed_in(visitor)
    await age(database, timedelta(minutes=2), "rotated_at")
    assert not await is_signed_in(Visitor(visitor.client, {COOKIE: first})), "now the first is an old copy"
    assert not await is_signed_in(visitor)


async def test_signing_out_ends_the_session_and_not_only_the_cookie(signed_in: SignedIn) -> None:
    visitor = await signed_in()
    copy = Visitor(visitor.client, dict(visitor.cookies))
    form = await visitor.form_at("/console", "/console/sign-out")
    answer = await visitor.post("/console/sign-out", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert COOKIE not in visitor.cookies
    assert not await is_signed_in(copy)


async def test_a_command_ends_all_sessions_of_a_person(
    signed_in: SignedIn, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two, other = [await signed_in(name="ada"), await signed_in(name="ada")], await signed_in(name="grace")
    monkeypatch.setenv("DATABASE_URL", database_url)
    result = await asyncio.to_thread(CliRunner().invoke, app, ["console", "sign-out", "ada"])
    assert result.output == "2 session(s) ended.\n"
    assert [await is_signed_in(each) for each in (*two, other)] == [False, False, True]


async def test_a_link_signs_in_once(visitor: Visitor, resources: Resources) -> None:
    person = Person("link:dev", "dev", "operator")
    link = await open_session(resources.database, person, lifetime=HOUR, is_link=True)
    assert not await is_signed_in(Visitor(visitor.client, {COOKIE: link})), "it is no cookie"
    answers = await asyncio.gather(
        *(Visitor(visitor.client).get(f"/console/sign-in/link?token={link}") for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    [answer] = [answer for answer in answers if answer.status_code == 303]
    cookie = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert await is_signed_in(Visitor(visitor.client, {COOKIE: cookie}))
    assert cookie != link


async def test_there_is_no_link_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "ENVIRONMENT": "production",
        "INSTANCE": "live",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "STRIPE_SECRET_KEY": "sk_live_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    result = await asyncio.to_thread(CliRunner().invoke, app, ["console", "link"])
    assert (result.exit_code, "no link" in result.output) == (1, True)


@pytest.mark.parametrize("cookie", ["", "x", "0" * 43, "a" * 5000, "é"])
async def test_a_wrong_cookie_is_nobody(cookie: str, visitor: Visitor) -> None:
    answer = await visitor.client.get("/console", headers={b"Cookie": f"{COOKIE}={cookie}".encode()})
    assert answer.status_code == 303


async def test_sessions_of_long_ago_are_deleted(signed_in: SignedIn, database: Database, resources: Resources) -> None:
    await signed_in()
    await age(database, timedelta(days=31) + 8 * HOUR, "expires_at")
    kept = await signed_in()
    assert await sessions.purge(resources.database) == 1
    assert await is_signed_in(kept)
