"""Every event reaches every endpoint that wants it, in each cart's order, whatever fails on the way."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.notifications import delivering, retention
from app.notifications.dispatcher import Dispatcher
from app.notifications.queueing import fan_out
from app.notifications.sending import open_sender
from app.resources import Resources
from tests.cart import Cart
from tests.database import Database
from tests.notifications.conftest import PATH, Deliver, Json, MakeEndpoint
from tests.notifications.receiver import Receiver, receiving


async def _owe(cart: Cart, *names: str) -> None:
    for name in names:
        await cart.another(f"/v1/carts/{name}").owe()


async def _change(cart: Cart, name: str, *amounts: int) -> None:
    for amount in amounts:
        assert (await cart.another(f"/v1/carts/{name}").put(amount=amount)).status_code == 200


async def _deliveries(admin: httpx.AsyncClient, endpoint: Json, **filters: str) -> list[Json]:
    answer = await admin.get(f"{PATH}/{endpoint['id']}/deliveries", params={"limit": 100, **filters})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


async def test_events_are_sent_once_in_each_carts_order_signed_and_as_the_feed_has_them(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, deliver: Deliver, admin: httpx.AsyncClient
) -> None:
    await _owe(cart, "before")
    made = await make_endpoint(receiver)
    await _owe(cart, "c1", "c2")
    await _change(cart, "c1", 1500, 1600)
    await deliver()
    assert [each for each in receiver.told() if each[0] == "c1"] == [("c1", 1), ("c1", 2), ("c1", 3)]
    assert sorted(receiver.told()) == [("c1", 1), ("c1", 2), ("c1", 3), ("c2", 1)]
    for event, got in zip(receiver.verified(made["secret"]), receiver.received, strict=True):
        assert got.headers["webhook-id"] == event["id"]
    await deliver()
    assert len(receiver.received) == 4
    assert {each["state"] for each in await _deliveries(admin, made)} == {"delivered"}


async def test_only_the_wanted_types_are_sent(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, deliver: Deliver
) -> None:
    await make_endpoint(receiver, "payment.amount_changed")
    await _owe(cart, "c1")
    await _change(cart, "c1", 1500)
    await deliver()
    assert receiver.told() == [("c1", 2)]


async def test_a_failure_holds_up_its_own_cart_alone_and_is_repeated_ever_later(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    deliver: Deliver,
    database: Database,
    admin: httpx.AsyncClient,
) -> None:
    made = await make_endpoint(receiver)
    await _owe(cart, "c1")
    await _change(cart, "c1", 1500)
    receiver.statuses = [500]
    await deliver()
    await _owe(cart, "c2")
    await deliver()
    assert receiver.told() == [("c1", 1), ("c2", 1)]
    pauses = []
    for _ in range(3):
        receiver.statuses = [503]
        [row] = await database.fetch("SELECT due_at - now() AS pause FROM notification_queues WHERE pending > 0")
        pauses.append(row["pause"].total_seconds())
        await database.age_notifications(timedelta(seconds=pauses[-1] + 1))
        await deliver()
    assert [3.5 < pauses[0] < 6.5, 7.5 < pauses[1] < 12.5, 15 < pauses[2] < 24.5] == [True] * 3
    await database.age_notifications(timedelta(minutes=2))
    await deliver()
    assert receiver.told() == [("c1", 1), ("c2", 1), *[("c1", 1)] * 4, ("c1", 2)]
    assert len({each.id for each in receiver.received}) == 3
    [first] = await _deliveries(admin, made, reference="cart:c1", type="payment.opened")
    told = (await admin.get(f"{PATH}/{made['id']}/deliveries/{first['id']}")).json()
    assert [each["status"] for each in told["requests"]] == [500, 503, 503, 503, 200]
    assert (told["state"], told["attempts"], told["requests"][0]["excerpt"]) == ("delivered", 5, "ok")


async def test_retry_after_is_honoured(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    await make_endpoint(receiver)
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    await _owe(cart, "c1")
    await deliver()
    pause = await database.value("SELECT due_at - now() FROM notification_queues")
    assert timedelta(minutes=59) < pause <= timedelta(hours=1)


async def test_a_slow_endpoint_and_a_failing_one_hold_up_no_other(
    cart: Cart, make_endpoint: MakeEndpoint, resources: Resources, database: Database
) -> None:
    async with receiving() as good, receiving(seconds=10) as slow, receiving(status=500) as failing:
        for receiver in (slow, failing, good):
            await make_endpoint(receiver)
        names = [f"c{number}" for number in range(12)]
        await _owe(cart, *names)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with open_sender(resources.settings) as sender:
            dispatcher = Dispatcher(resources, sender)
            while len(good.received) < len(names) and loop.time() < began + 5:
                await dispatcher.turn()
                await asyncio.sleep(0.02)
            took = loop.time() - began
            await dispatcher.finish()
        assert sorted(good.told()) == sorted((name, 1) for name in names)
        assert took < 3
        assert slow.most_at_once <= delivering.PER_ENDPOINT
        failing.status, slow.seconds = 200, 0
        await _change(cart, "c1", 1500)
        await database.age_notifications(timedelta(hours=1))
        await database.until_events_are_readable()
        async with open_sender(resources.settings) as sender:
            dispatcher = Dispatcher(resources, sender)
            for _ in range(4):
                await dispatcher.turn()
                await dispatcher.finish()
        for late in (failing, slow):
            assert {("c1", 1), ("c1", 2), *((name, 1) for name in names)} == set(late.told())
            of_one = [sequence for name, sequence in late.told() if name == "c1"]
            assert of_one == sorted(of_one)


async def test_a_killed_workers_claims_end_and_its_event_is_sent_again_under_the_same_id(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    resources: Resources,
    database: Database,
    deliver: Deliver,
) -> None:
    await make_endpoint(receiver)
    await _owe(cart, "c1")
    await _change(cart, "c1", 1500)
    receiver.seconds = 0.5
    async with open_sender(resources.settings) as sender:
        dispatcher = Dispatcher(resources, sender)
        await database.until_events_are_readable()
        await dispatcher.turn()
        while not receiver.received:
            await asyncio.sleep(0.01)
        for task in dispatcher._tasks:
            task.cancel()  # between the request and its recording
        await asyncio.gather(*dispatcher._tasks, return_exceptions=True)
    receiver.seconds = 0
    await deliver()
    assert len(receiver.received) == 1
    await database.age_notifications(timedelta(minutes=1))
    await deliver()
    assert receiver.told() == [("c1", 1), ("c1", 1), ("c1", 2)]
    assert receiver.received[0].id == receiver.received[1].id


async def test_who_lost_the_claim_records_nothing(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, resources: Resources, database: Database
) -> None:
    await make_endpoint(receiver)
    await _owe(cart, "c1")
    async with open_sender(resources.settings) as sender:
        dispatcher = Dispatcher(resources, sender)
        receiver.seconds = 0.3
        await database.until_events_are_readable()
        await dispatcher.turn()
        while not receiver.received:
            await asyncio.sleep(0.01)
        await database.execute("UPDATE notification_queues SET claim = gen_random_uuid()")
        await dispatcher.finish()
    assert await database.column("SELECT state FROM notification_deliveries") == ["pending"]
    assert await database.column("SELECT pending FROM notification_queues") == [1]


async def test_two_workers_send_nothing_twice(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, resources: Resources, database: Database
) -> None:
    await make_endpoint(receiver)
    names = [f"c{number}" for number in range(10)]
    await _owe(cart, *names)
    await _change(cart, "c1", 1500, 1600)
    await database.until_events_are_readable()
    async with open_sender(resources.settings) as sender:
        workers = [Dispatcher(resources, sender) for _ in range(3)]
        for _ in range(5):
            await asyncio.gather(*(worker.turn() for worker in workers))
            await asyncio.gather(*(worker.finish() for worker in workers))
    assert sorted(receiver.told()) == sorted([*((name, 1) for name in names), ("c1", 2), ("c1", 3)])


async def test_an_event_that_failed_for_three_days_is_set_aside_and_the_next_goes_on(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    deliver: Deliver,
    database: Database,
    admin: httpx.AsyncClient,
) -> None:
    made = await make_endpoint(receiver)
    await _owe(cart, "c1", "c2")
    await _change(cart, "c1", 1500)
    receiver.statuses = [500, 200]
    await deliver()
    await database.age_notifications(timedelta(days=3, hours=1))
    receiver.statuses = [500] if receiver.told()[0][0] == "c1" else []
    await deliver()
    for _ in range(3):  # on a busy machine one may be too slow to be taken
        await database.age_notifications(timedelta(hours=5))
        await deliver()
    states = {(each["reference"]["id"], each["sequence"]): each["state"] for each in await _deliveries(admin, made)}
    assert "set_aside" in states.values()
    assert states["c1", 2] == "delivered"
    assert (await admin.get(f"{PATH}/{made['id']}")).json()["is_enabled"]  # others reached it


async def test_an_endpoint_that_nothing_reached_for_three_days_is_disabled_and_catches_up_once_enabled(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    deliver: Deliver,
    database: Database,
    admin: httpx.AsyncClient,
) -> None:
    made = await make_endpoint(receiver)
    path = f"{PATH}/{made['id']}"
    receiver.status = 500
    await _owe(cart, "c1")
    await deliver()
    assert (await admin.get(path)).json()["failing_since"] is not None
    await database.age_notifications(timedelta(days=3, hours=1))
    await _owe(cart, "c2")
    await deliver()
    told = (await admin.get(path)).json()
    assert (told["is_enabled"], told["disabled_reason"]) == (False, "unreachable")
    receiver.status = 200
    sent = len(receiver.received)
    await _owe(cart, "c3")
    await database.age_notifications(timedelta(days=1))
    await deliver()
    assert len(receiver.received) == sent
    await admin.post(f"{path}/enable")
    await deliver()
    assert receiver.told()[sent:] == [("c2", 1)]  # c1's was set aside; c3 happened while it was disabled
    recovered = (await admin.post(f"{path}/recover", json={"since": made["created_at"]})).json()
    assert recovered == {"queued": 3, "continue_since": None}
    await deliver()
    assert sorted(receiver.told()[sent + 1 :]) == [("c1", 1), ("c2", 1), ("c3", 1)]


async def test_410_disables_at_once(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, deliver: Deliver, admin: httpx.AsyncClient
) -> None:
    made = await make_endpoint(receiver)
    receiver.status = 410
    await _owe(cart, "c1")
    await deliver()
    assert (await admin.get(f"{PATH}/{made['id']}")).json()["disabled_reason"] == "gone"


async def test_a_delivery_is_sent_again_with_the_same_id(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, deliver: Deliver, admin: httpx.AsyncClient
) -> None:
    made = await make_endpoint(receiver)
    await _owe(cart, "c1")
    await deliver()
    [delivery] = await _deliveries(admin, made)
    again = await admin.post(f"{PATH}/{made['id']}/deliveries/{delivery['id']}/redeliver")
    assert again.status_code == 202
    await deliver()
    assert [each.id for each in receiver.received] == [delivery["event_id"]] * 2
    assert receiver.received[0].body == receiver.received[1].body


async def test_events_are_recovered_by_type_in_their_order_and_in_parts(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    deliver: Deliver,
    admin: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await make_endpoint(receiver)
    await _owe(cart, "c1", "c2")
    await _change(cart, "c1", 1500, 1600)
    await deliver()
    receiver.received.clear()
    path = f"{PATH}/{made['id']}/recover"
    body = {"since": made["created_at"], "types": ["payment.amount_changed"]}
    assert (await admin.post(path, json=body)).json()["queued"] == 2
    await deliver()
    assert receiver.told() == [("c1", 2), ("c1", 3)]
    monkeypatch.setattr("app.notifications.queueing.BATCH", 1)
    monkeypatch.setattr("app.notifications.service.MAX_RECOVERED", 2)
    part = (await admin.post(path, json={"since": made["created_at"]})).json()
    assert part["queued"] == 2
    rest = (await admin.post(path, json={"since": part["continue_since"]})).json()
    await deliver()
    assert {("c1", 1), ("c1", 2), ("c1", 3), ("c2", 1)} <= set(receiver.told())
    assert rest["queued"] >= 2


async def test_what_is_rolled_back_is_not_sent_and_what_is_committed_is(
    cart: Cart, make_endpoint: MakeEndpoint, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    await make_endpoint(receiver)
    await _owe(cart, "c1")
    late = (
        "INSERT INTO domain_events (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor)"
        " SELECT reference_kind, reference_id, 2, payment_intent_id, type, data, actor FROM domain_events"
    )
    async with database.undone(late):
        await deliver()
    await deliver()
    assert receiver.told() == [("c1", 1)]


async def test_a_queue_that_counts_wrong_is_put_right(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    deliver: Deliver,
    database: Database,
    resources: Resources,
) -> None:
    await make_endpoint(receiver)
    await _owe(cart, "c1")
    receiver.statuses = [500]
    await deliver()
    await database.execute("UPDATE notification_queues SET pending = 0, due_at = NULL")
    await database.age_notifications(timedelta(hours=2))
    await deliver()
    assert len(receiver.received) == 1
    await retention.purge_deliveries(resources)
    await deliver()
    assert receiver.told() == [("c1", 1), ("c1", 1)]
    await database.execute("UPDATE notification_queues SET pending = 2, due_at = now()")
    await database.age_notifications(timedelta(hours=1))
    await deliver()
    assert await database.fetch("SELECT pending, due_at FROM notification_queues") == [{"pending": 0, "due_at": None}]


async def test_without_an_endpoint_nothing_is_written_again_and_again(
    cart: Cart, resources: Resources, database: Database
) -> None:
    await _owe(cart, "c1")
    await database.until_events_are_readable()
    await fan_out(resources.database)
    before = await database.value("SELECT xmin::text FROM notification_position")
    assert await fan_out(resources.database) is False
    assert await database.value("SELECT xmin::text FROM notification_position") == before


async def test_old_deliveries_are_forgotten_and_queues_stay_right(
    cart: Cart,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    deliver: Deliver,
    database: Database,
    resources: Resources,
    admin: httpx.AsyncClient,
) -> None:
    made = await make_endpoint(receiver)
    await _owe(cart, "c1", "c2")
    await deliver()
    await admin.post(f"{PATH}/{made['id']}/deliveries/{(await _deliveries(admin, made))[0]['id']}/redeliver")
    await database.age_notifications(timedelta(days=31))
    await _change(cart, "c2", 1500)
    await admin.post(f"{PATH}/{made['id']}/recover", json={"since": made["created_at"]})
    assert await retention.purge_deliveries(resources) == 2
    rows = await database.fetch("SELECT reference_id, pending, due_at IS NULL AS is_idle FROM notification_queues")
    counts = await database.fetch(
        "SELECT reference_id, count(*) FROM notification_deliveries WHERE state = 'pending' GROUP BY 1"
    )
    assert {row["reference_id"]: row["pending"] for row in rows if row["pending"]} == {
        row["reference_id"]: row["count"] for row in counts
    }
    assert all(row["is_idle"] == (row["pending"] == 0) for row in rows)
    await admin.delete(f"{PATH}/{made['id']}")
    await retention.purge_deliveries(resources)
    left: Any = await database.value(
        "SELECT (SELECT count(*) FROM notification_endpoints) + (SELECT count(*) FROM notification_deliveries)"
        " + (SELECT count(*) FROM notification_queues) + (SELECT count(*) FROM notification_attempts)"
    )
    assert left == 0
