"""Endpoints are made, changed and tried; their secrets are shown once and stored nowhere."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.notifications import service
from tests.database import Database
from tests.notifications.conftest import PATH, Json, MakeEndpoint
from tests.notifications.receiver import Receiver


async def test_an_endpoint_is_made_read_changed_and_deleted(
    admin: httpx.AsyncClient, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    made = await make_endpoint(receiver, "payment.succeeded", "refund.*")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["is_enabled"], made["types"]) == (True, ["payment.succeeded", "refund.*"])
    path = f"{PATH}/{made['id']}"
    assert (await admin.get(path)).json() == made
    changed = await admin.patch(path, json={"types": ["*"], "description": "The order service"})
    assert changed.json() == made | {"types": ["*"], "description": "The order service"}
    assert (await admin.get(PATH)).json() == {"data": [changed.json()]}
    assert secret not in changed.text
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.get(PATH)).json() == {"data": []}
    for answer in (await admin.get(path), await admin.delete(path), await admin.patch(path, json={})):
        assert (answer.status_code, answer.json()["code"]) == (404, "notification_endpoint_not_found")


async def test_no_secret_is_stored(make_endpoint: MakeEndpoint, receiver: Receiver, database: Database) -> None:
    made = await make_endpoint(receiver)
    secret = made["secret"].removeprefix("whsec_")
    [stored] = await database.column("SELECT to_jsonb(e)::text FROM notification_endpoints AS e")
    assert secret not in stored


async def test_a_test_event_is_signed_and_its_answer_is_told(
    admin: httpx.AsyncClient, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    made = await make_endpoint(receiver)
    receiver.text = "taken, with key sk_test_1234567890abcdef"
    answer = (await admin.post(f"{PATH}/{made['id']}/test")).json()
    assert (answer["is_delivered"], answer["status"], answer["error"]) == (True, 200, None)
    assert answer["excerpt"].startswith("taken, with key")
    assert "1234567890abcdef" not in answer["excerpt"]
    [event] = receiver.verified(made["secret"])
    assert (event["type"], event["data"]) == ("test", {})
    receiver.status = 500
    assert (await admin.post(f"{PATH}/{made['id']}/test")).json()["is_delivered"] is False


async def test_a_rotated_secret_signs_beside_the_one_before_until_the_overlap_ends(
    admin: httpx.AsyncClient, make_endpoint: MakeEndpoint, receiver: Receiver, database: Database
) -> None:
    made = await make_endpoint(receiver)
    path = f"{PATH}/{made['id']}/rotate-secret"
    rotated = (await admin.post(path)).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] is not None
    at_once = (await admin.post(path, json={"overlap_seconds": 0})).json()
    assert at_once["previous_secret_until"] is None
    assert len({made["secret"], rotated["secret"], at_once["secret"]}) == 3


WRONG: dict[str, tuple[Json, str]] = {
    "no types": ({"types": []}, "validation_failed"),
    "an unknown type": ({"types": ["payment.nope"]}, "unknown_event_type"),
    "no scheme": ({"url": "orders.example/hook"}, "validation_failed"),
    "another scheme": ({"url": "ftp://orders.example/hook"}, "validation_failed"),
    "a user": ({"url": "https://user@orders.example/"}, "validation_failed"),
    "a fragment": ({"url": "https://orders.example/#x"}, "validation_failed"),
    "a space": ({"url": "https://orders.example/a b"}, "validation_failed"),
    "no host": ({"url": "https:///hook"}, "validation_failed"),
    "a bad port": ({"url": "https://orders.example:99999/"}, "validation_failed"),
    "a private address": ({"url": "https://10.0.0.1/hook"}, "address_not_allowed"),
    "the metadata service": ({"url": "http://169.254.169.254/latest"}, "address_not_allowed"),
    "a name that is not there": ({"url": "https://nowhere.invalid/hook"}, "address_not_found"),
    "a field too much": ({"secret": "whsec_x"}, "validation_failed"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_refused_and_makes_nothing(
    admin: httpx.AsyncClient, receiver: Receiver, name: str
) -> None:
    wrong, code = WRONG[name]
    answer = await admin.post(PATH, json={"url": receiver.url, "types": ["*"]} | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert (await admin.get(PATH)).json()["data"] == []


async def test_there_are_not_too_many(
    admin: httpx.AsyncClient, make_endpoint: MakeEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_ENDPOINTS", 1)
    await make_endpoint(receiver)
    answer = await admin.post(PATH, json={"url": receiver.url, "types": ["*"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")


@pytest.mark.parametrize("action", ["enable", "disable", "test", "rotate-secret", "deliveries/1/redeliver"])
async def test_what_is_not_there_is_not_found(admin: httpx.AsyncClient, action: str) -> None:
    answer = await admin.post(f"{PATH}/{uuid4()}/{action}")
    assert (answer.status_code, answer.json()["code"]) == (404, "notification_endpoint_not_found")


async def test_an_endpoint_is_disabled_and_enabled(
    admin: httpx.AsyncClient, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    path = f"{PATH}/{(await make_endpoint(receiver))['id']}"
    off: dict[str, Any] = (await admin.post(f"{path}/disable")).json()
    assert (off["is_enabled"], off["disabled_reason"]) == (False, "requested")
    on = (await admin.post(f"{path}/enable")).json()
    assert (on["is_enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)
