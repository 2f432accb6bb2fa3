"""The API with a key for notifications, a receiver, and a worker whose turns the test takes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.notifications.dispatcher import Dispatcher
from app.notifications.sending import open_sender
from app.resources import Resources
from app.settings import Settings
from tests.cart import Cart
from tests.conftest import NewKey, settings_for
from tests.database import Database
from tests.notifications.receiver import Receiver, receiving

KEY = "notification-key-of-the-tests-only"
PATH = "/v1/notification-endpoints"

Json = dict[str, Any]
MakeEndpoint = Callable[..., Awaitable[Json]]
Deliver = Callable[[], Awaitable[None]]


@pytest.fixture
def settings(database_url: str, sandbox_url: str) -> Settings:
    return settings_for(database_url, sandbox_url, notification_key=KEY, notification_timeout=2)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def admin(anonymous: httpx.AsyncClient, cart: Cart, new_key: NewKey) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that may change endpoints, beside the one that pays."""
    async with httpx.AsyncClient(base_url=anonymous.base_url, timeout=20, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {await new_key('admin')}"
        yield client


@pytest.fixture
def make_endpoint(admin: httpx.AsyncClient) -> MakeEndpoint:
    async def make(receiver: Receiver, *types: str) -> Json:
        answer = await admin.post(PATH, json={"url": receiver.url, "types": list(types or ("*",))})
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    return make


@pytest.fixture
async def deliver(resources: Resources, database: Database) -> AsyncIterator[Deliver]:
    """Return what does all that is due now."""
    async with open_sender(resources.settings) as sender:
        dispatcher = Dispatcher(resources, sender)

        async def turn() -> None:
            await database.until_events_are_readable()
            await dispatcher.turn()
            await dispatcher.finish()

        yield turn
