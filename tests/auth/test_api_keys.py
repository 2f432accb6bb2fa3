"""API keys: shown once, rotated without a gap, revoked for good, and never kept as they are."""

import asyncio
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from app.__main__ import app
from app.auth import api_keys
from app.auth.verified_keys import VerifiedKeys
from app.db.errors import DatabaseUnavailable
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.conftest import NewKey
from tests.database import Database

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_rotated_key_and_its_successor_are_both_valid_until_the_overlap_ends(
    resources: Resources, database: Database
) -> None:
    async with resources.database.transaction() as connection:
        old = await api_keys.create(connection, client="shop", scopes=["payments:read"])
    async with resources.database.transaction() as connection:
        new = await api_keys.rotate(connection, old.id, overlap=timedelta(hours=1))
    async with resources.database.connection() as connection:
        during = [await api_keys.find_caller(connection, key.secret) for key in (old, new)]
    await database.age_keys(timedelta(hours=1))
    async with resources.database.connection() as connection:
        after = [await api_keys.find_caller(connection, key.secret) for key in (old, new)]

    assert [caller.key_id for caller in during if caller] == [old.id, new.id]
    assert {(caller.client, caller.scopes) for caller in during if caller} == {("shop", frozenset({"payments:read"}))}
    assert [caller.key_id for caller in after if caller] == [new.id]


async def test_a_key_is_rotated_once_and_never_after_it_was_revoked(resources: Resources) -> None:
    async with resources.database.transaction() as connection:
        rotated, revoked = [await api_keys.create(connection, client="shop", scopes=["admin"]) for _ in range(2)]
    async with resources.database.transaction() as connection:
        await api_keys.rotate(connection, rotated.id, overlap=timedelta(hours=1))
        await api_keys.revoke(connection, revoked.id)
    for key_id in (rotated.id, revoked.id, "unknown"):
        async with resources.database.connection() as connection:
            with pytest.raises(api_keys.KeyRefused, match=key_id):
                await api_keys.rotate(connection, key_id, overlap=timedelta(hours=1))


async def test_only_a_hash_of_a_key_is_stored(database: Database, new_key: NewKey) -> None:
    secret = (await new_key("admin")).rsplit("_", 1)[1]
    [row] = await database.api_keys()
    assert secret not in await database.dump()
    assert len(row["secret_hash"]) == 32
    assert bytes.fromhex(secret) != row["secret_hash"]


async def test_the_secret_is_compared_in_constant_time_for_known_and_unknown_keys_alike(
    resources: Resources, new_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, compared = await new_key("admin"), []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("app.auth.api_keys.hmac", type("Spy", (), {"compare_digest": staticmethod(compare)}))
    async with resources.database.connection() as connection:
        right = await api_keys.find_caller(connection, key)
        wrong = await api_keys.find_caller(connection, key[:-1] + "x")
        unknown = await api_keys.find_caller(connection, f"pay_{'0' * 16}_{'0' * 64}")
    assert (right is not None, wrong, unknown) == (True, None, None)
    assert compared == [(32, 32)] * 3


async def test_a_revoked_key_is_forgotten_within_30_seconds(resources: Resources, new_key: NewKey) -> None:
    clock, key = Clock(), await new_key("admin")
    keys = VerifiedKeys(resources.database, clock=clock)
    caller = await keys.prove(key)
    assert caller is not None
    async with resources.database.transaction() as connection:
        await api_keys.revoke(connection, caller.key_id)

    assert keys.remembered(key) == caller  # without a look into the database
    clock.now = 30
    assert keys.remembered(key) is None
    assert await keys.prove(key) is None


async def test_an_expired_key_is_not_remembered(resources: Resources, database: Database, new_key: NewKey) -> None:
    key = await new_key("admin")
    keys = VerifiedKeys(resources.database)
    await database.expire_key(key.split("_")[1], seconds=0.3)
    assert await keys.prove(key) is not None
    await asyncio.sleep(0.4)
    assert keys.remembered(key) is None


async def test_a_remembered_key_costs_no_statement(
    api: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.get("/v1/carts/none/payment-intent")

    async def fail(*_: object) -> None:
        raise AssertionError("looked up again")

    monkeypatch.setattr("app.auth.verified_keys.api_keys.find_caller", fail)
    assert (await api.get("/v1/carts/none/payment-intent")).status_code == 404


async def test_the_last_use_is_written_beside_the_requests_and_at_most_once_a_minute(
    resources: Resources, database: Database, new_key: NewKey
) -> None:
    async def last_use() -> Any:
        [row] = await database.api_keys()
        return row["last_used_at"]

    key = await new_key("admin")
    keys = VerifiedKeys(resources.database)
    await keys.prove(key)
    before = await last_use()
    await keys.write_last_uses()
    first = await last_use()
    keys.remembered(key)
    await keys.write_last_uses()
    second = await last_use()
    await database.age_keys(timedelta(seconds=61))
    keys.remembered(key)
    await keys.write_last_uses()
    third = await last_use()

    assert before is None
    assert first is not None
    assert second == first
    assert third > first


async def test_a_failed_write_of_the_last_use_is_made_up_for(
    resources: Resources, database: Database, new_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = VerifiedKeys(resources.database)
    await keys.prove(await new_key("admin"))

    async def fail(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(resources.database, "execute", fail)
        await keys.write_last_uses()
    await keys.write_last_uses()
    [row] = await database.api_keys()
    assert row["last_used_at"] is not None


async def test_every_event_that_a_call_causes_names_its_key(
    api: httpx.AsyncClient, database: Database, sandbox: SandboxClient
) -> None:
    await api.put(CART, json=TEN_EUROS)
    await api.put(CART, json=TEN_EUROS | {"amount": 2000})
    key_id = api.headers["authorization"].split("_")[1]
    actors = [event["actor"] for event in await database.domain_events()]
    ours = [actor for actor in actors if not actor.startswith("stripe:")]
    assert len(ours) >= 2
    assert set(ours) == {f"client:shop/{key_id}"}


@pytest.fixture
def command(database_url: str, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that runs `python -m app` with these arguments."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, words))

    return run


async def test_the_commands_make_list_rotate_and_revoke_keys(command: Callable[..., Any], resources: Resources) -> None:
    made = json.loads((await command("keys", "create", "shop", "--scope", "payments:read", "--json")).stdout)
    successor = json.loads((await command("keys", "rotate", made["id"], "--json")).stdout)
    revoked = await command("keys", "revoke", successor["id"])
    listed = (await command("keys", "list")).stdout

    async with resources.database.connection() as connection:
        assert await api_keys.find_caller(connection, made["key"]) is not None
        assert await api_keys.find_caller(connection, successor["key"]) is None
    assert made["key"].startswith(f"pay_{made['id']}_")
    assert successor["scopes"] == ["payments:read"]
    assert "30 s" in revoked.stdout
    lines = {line.split()[0]: line for line in listed.splitlines()[1:]}
    assert "shop" in lines[made["id"]]
    assert "valid until" in lines[made["id"]]
    assert "revoked" in lines[successor["id"]]
    assert made["key"].rsplit("_", 1)[1] not in listed


async def test_a_rotation_without_an_overlap_is_known_at_once_where_the_key_is_not_remembered(
    command: Callable[..., Any], api: httpx.AsyncClient
) -> None:
    made = json.loads((await command("keys", "create", "shop", "--scope", "payments:read", "--json")).stdout)
    rotated = await command("keys", "rotate", made["id"], "--overlap-hours", "0")
    assert (await api.get(CART, headers={"Authorization": f"Bearer {made['key']}"})).status_code == 401
    assert "0 h more; a process that has just accepted it may do so for 30 s longer" in rotated.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("keys", "create", "shop", "--scope", "payments:all"), "payments:all"),
        (("keys", "create", "a/b", "--scope", "admin"), "name"),
        (("keys", "revoke", "0123"), "no key 0123"),
        (("keys", "rotate", "0123"), "no key 0123"),
    ],
    ids=["unknown scope", "odd name", "revoke an unknown key", "rotate an unknown key"],
)
async def test_a_command_that_cannot_be_done_says_why(
    command: Callable[..., Any], words: tuple[str, ...], told: str
) -> None:
    result = await command(*words)
    assert result.exit_code != 0
    assert told in result.stderr
