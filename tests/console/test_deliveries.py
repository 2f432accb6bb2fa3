"""The notifications of a payment stand in its timeline, and a person can have one sent again."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from app.notifications.dispatcher import Dispatcher
from app.notifications.sending import open_sender
from app.resources import Resources
from app.settings import Settings
from tests.cart import Cart
from tests.conftest import NewKey
from tests.console.conftest import SignedIn
from tests.console.test_acting import ordered
from tests.console.test_pages import text_of
from tests.console.visitor import form_in
from tests.database import Database
from tests.notifications.conftest import KEY, PATH, Deliver
from tests.notifications.receiver import Receiver, receiving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    known = {"notification_key": SecretStr(KEY), "notification_timeout": timedelta(seconds=1)}
    return settings.model_copy(update=known)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def deliver(resources: Resources) -> AsyncIterator[Deliver]:
    """Return what does all that is due now."""
    async with open_sender(resources.settings) as sender:
        dispatcher = Dispatcher(resources, sender)

        async def turn() -> None:
            await dispatcher.turn()
            await dispatcher.finish()

        yield turn


async def subscribe(api: httpx.AsyncClient, key: str, receiver: Receiver) -> None:
    answer = await api.post(
        PATH, json={"url": receiver.url, "types": ["*"]}, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201, answer.text


async def test_each_notification_stands_beside_its_event_and_can_be_sent_again(
    cart: Cart,
    signed_in: SignedIn,
    receiver: Receiver,
    deliver: Deliver,
    new_key: NewKey,
    database: Database,
) -> None:
    await subscribe(cart.api, await new_key("admin"), receiver)
    payment = (await cart.owe())["id"]
    await deliver()
    visitor, support = await signed_in("operator"), await signed_in()
    page = await visitor.page(f"/console/payments/{payment}")
    assert "Notified 127.0.0.1 at" in text_of(page)
    assert receiver.url.removeprefix("http://") not in page, "its address may hold a secret"
    assert "Send again" not in await support.page(f"/console/payments/{payment}")

    path = f"/console/payments/{payment}/redeliver"
    [delivery] = await database.fetch("SELECT id, endpoint_id FROM notification_deliveries")
    target = f"{delivery['endpoint_id']}:{delivery['id']}"
    form = form_in(await visitor.page(f"{path}?target={target}"), path)
    preview = await visitor.post(path, form | {"reason": "other", "note": "They lost it"})
    assert "The same event is sent again, with the same id" in text_of(preview.text)
    confirmed = form_in(preview.text, path)
    assert [(await visitor.post(path, confirmed)).status_code for _ in range(2)] == [303, 303]
    await deliver()
    ids = [row["event_id"] for row in await database.fetch("SELECT event_id FROM notification_deliveries ORDER BY id")]
    assert ids.count(ids[0]) == 2
    assert await ordered(database) == [("person:grace", "redeliver")]


async def test_a_notification_of_another_cart_is_not_sent_again_from_here(
    cart: Cart, signed_in: SignedIn, receiver: Receiver, deliver: Deliver, new_key: NewKey, database: Database
) -> None:
    await subscribe(cart.api, await new_key("admin"), receiver)
    await cart.owe()
    await deliver()
    other = (await cart.another("/v1/carts/c2").owe())["id"]
    visitor, path = await signed_in("operator"), f"/console/payments/{other}/redeliver"
    [delivery] = await database.fetch("SELECT id, endpoint_id FROM notification_deliveries")
    for target, status in (
        (f"{delivery['endpoint_id']}:{delivery['id']}", 404),
        (f"{delivery['endpoint_id']}:999999", 404),
        ("", 400),
        ("x:1", 400),
    ):
        form = form_in(await visitor.page(path), path) | {"reason": "agreed", "confirm": "yes", "target": target}
        assert (await visitor.post(path, form)).status_code == status, target
    assert await database.value("SELECT count(*) FROM notification_deliveries") == 1


async def test_an_endpoint_that_takes_nothing_for_long_is_on_the_worklist(
    cart: Cart, signed_in: SignedIn, receiver: Receiver, new_key: NewKey, database: Database
) -> None:
    await subscribe(cart.api, await new_key("admin"), receiver)
    visitor = await signed_in()
    assert "Notifications are not taken" not in await visitor.page("/console/worklist")
    await database.execute("UPDATE notification_endpoints SET failing_since = now() - $1::interval", timedelta(hours=1))
    page = await visitor.page("/console/worklist")
    assert "Notifications are not taken" in page
    assert "127.0.0.1 does not take the events" in page
