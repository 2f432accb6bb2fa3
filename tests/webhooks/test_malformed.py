"""Malformed and forged requests to the webhook get a 400 with a code, never a 500."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from sandbox.client import SandboxClient
from tests.database import Database
from tests.webhooks.sending import URL, put, send, signature

INTENT = {"id": "pi_other", "object": "payment_intent", "status": "succeeded", "amount": 1, "currency": "eur"}
EVENT = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1, "livemode": False}


def _event(**changes: Any) -> dict[str, Any]:
    return EVENT | {"data": {"object": INTENT | changes}}


async def test_an_event_of_the_other_mode_is_ignored_counted_and_not_sent_again(
    anonymous: httpx.AsyncClient, database: Database
) -> None:
    counted = REGISTRY.get_sample_value("payments_webhook_events_total", {"outcome": "wrong_mode"}) or 0
    answer = await send(anonymous, _event() | {"livemode": True})
    assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})
    assert REGISTRY.get_sample_value("payments_webhook_events_total", {"outcome": "wrong_mode"}) == counted + 1
    assert await database.webhook_events() == []


ODD: dict[str, dict[str, Any]] = {
    "no amount": {"amount": 0},
    "a negative amount": {"amount": -1},
    "an amount beyond 64 bits": {"amount": 2**63},
    "no currency": {"currency": None},
    "a long currency": {"currency": "euro"},
    "a NUL in the status": {"status": "\x00"},
    "half a surrogate pair": {"status": "\ud800"},
    "an id of a NUL": {"id": "pi_\x00"},
    "a time of text": {"created": "now"},
    "a time beyond the year 9999": {"created": 1e300},
    "a status of a list": {"status": []},
    "a Charge of an unknown status": {"object": "charge", "status": "odd"},
    "a dispute without a reason": {"object": "dispute"},
    "an id of kilobytes": {"id": f"pi_{'x' * 5000}"},
    "a status of kilobytes": {"status": "x" * 5000},
    "a refund with our own status": {"object": "refund", "status": "refused", "payment_intent": "pi_other"},
}


@pytest.mark.parametrize("name", ODD)
async def test_an_object_that_no_column_could_hold_is_refused(
    anonymous: httpx.AsyncClient, database: Database, name: str
) -> None:
    answer = await send(anonymous, _event(**ODD[name]))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_event")
    assert await database.webhook_events() == []


@pytest.mark.parametrize("field", ["id", "type"])
async def test_an_event_whose_id_or_type_no_index_could_hold_is_refused(
    anonymous: httpx.AsyncClient, field: str
) -> None:
    answer = await send(anonymous, _event() | {field: "x" * 5000})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_event")


OURS: dict[str, dict[str, Any]] = {
    "a refund of an unknown status": {"object": "refund", "id": "re_1", "status": "odd"},
    "a refund with a reason of kilobytes": {"object": "refund", "id": "re_1", "reason": "x" * 5000},
    "a refund of another currency": {"object": "refund", "id": "re_1", "currency": "usd"},
    "a refund of more than was paid": {"object": "refund", "id": "re_1", "amount": 2**62},
    "a dispute of an unknown status": {"object": "dispute", "id": "dp_1", "status": "odd", "reason": "odd"},
    "a dispute of a charge with a long id": {
        "object": "dispute",
        "id": "dp_1",
        "status": "lost",
        "reason": "odd",
        "charge": "x" * 5000,
    },
    "a Charge with a long decline": {
        "object": "charge",
        "id": "ch_1",
        "status": "failed",
        "failure_code": "x" * 5000,
        "failure_message": "x" * 5000,
    },
    "a Charge with odd details": {
        "object": "charge",
        "id": "ch_1",
        "status": "failed",
        "payment_method_details": {"type": "x" * 5000, "card": {"brand": "x" * 5000, "last4": [], "exp_year": 10**30}},
    },
}


@pytest.mark.parametrize("name", OURS)
async def test_odd_but_legal_content_about_a_payment_of_ours_is_stored_or_refused(
    api: httpx.AsyncClient, sandbox: SandboxClient, name: str
) -> None:
    await sandbox.pause_webhooks()
    stripe_id = await put(api)
    obj = {"amount": 1, "currency": "eur", "created": 1790000000, "payment_intent": stripe_id} | OURS[name]
    answer = await send(api, EVENT | {"data": {"object": obj}})
    assert answer.status_code in {200, 400}, answer.text
    assert (await api.get("/v1/carts/c1/payment-intent")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"[" * 500_000, b'{"a":' * 100_000, b"9" * 5_000, b'{"id":"evt_1","object":"event","created":NaN}', b'"\\ud800"'],
    ids=["deep lists", "deep objects", "a number of 5,000 digits", "NaN", "half a pair"],
)
async def test_json_that_breaks_parsers_is_refused(anonymous: httpx.AsyncClient, body: bytes) -> None:
    answer = await send(anonymous, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_event")


async def test_words_of_another_api_version_are_left_out(anonymous: httpx.AsyncClient) -> None:
    odd = {"object": "charge", "failure_code": 5, "outcome": "none", "payment_method_details": [], "metadata": 7}
    answer = await send(anonymous, _event(**odd, payment_intent={"id": "pi_other"}))
    assert answer.json() == {"outcome": "ignored"}


@pytest.mark.parametrize(
    "change",
    ["{h}=6", "{h},t=1", "t=1,{h}", "{h};v1=0", "T{h}", "t=" + "9" * 5000 + ",{v}", "t=-1,{v}"],
    ids=[
        "longer",
        "a second time after it",
        "a second time before it",
        "a semicolon",
        "a capital",
        "a huge time",
        "a negative time",
    ],
)
async def test_a_genuine_header_that_was_tampered_with_is_refused(anonymous: httpx.AsyncClient, change: str) -> None:
    body = json.dumps(_event()).encode()
    genuine = signature(body)
    header = change.format(h=genuine, v=genuine.partition(",")[2])
    answer = await anonymous.post(URL, content=body, headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")


async def test_what_is_not_ours_is_counted(anonymous: httpx.AsyncClient) -> None:
    before = _counted("ignored")
    await send(anonymous, _event())
    assert _counted("ignored") == before + 1


async def test_what_is_refused_is_counted(anonymous: httpx.AsyncClient) -> None:
    before = _counted("invalid_signature")
    await anonymous.post(URL, content=b"{}")
    await anonymous.post(URL, content=b"{}", headers={"Stripe-Signature": f"t=1790000000,v1={'0' * 64}"})
    assert _counted("invalid_signature") == before + 2


def _counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("payments_webhook_events_total", {"outcome": outcome}) or 0


@pytest.fixture(params=[80, pytest.param(10_000, marks=pytest.mark.slow)])
def rounds(request: pytest.FixtureRequest) -> int:
    return int(request.param)


async def test_no_mutated_request_is_believed(anonymous: httpx.AsyncClient, database: Database, rounds: int) -> None:
    chance = random.Random(rounds)  # noqa: S311 - it mutates, it guards nothing
    body = json.dumps(_event()).encode()
    for header, changed in _mutations(chance, body, rounds):
        answer = await anonymous.post(URL, content=changed, headers={b"Stripe-Signature": header})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature"), (header, changed)
    assert await database.webhook_events() == []


def _mutations(chance: random.Random, body: bytes, rounds: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield headers and bodies of which at least one is not what was signed."""
    while rounds:
        genuine = signature(body).encode()
        is_header = chance.random() < 0.6
        header = _mutate(chance, genuine) if is_header else genuine
        header = bytes(byte for byte in header if byte > 31 and byte != 127)  # as HTTP allows
        changed = body if is_header and chance.random() < 0.7 else _mutate(chance, body)
        parts = [part.strip() for part in header.split(b",")]
        if changed == body and all(part in parts for part in genuine.split(b",")):
            continue
        rounds -= 1
        yield header, changed


def _mutate(chance: random.Random, value: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0:
                changed[at:at] = chance.randbytes(chance.randint(1, 8))
            case 1:
                del changed[at : at + chance.randint(1, 8)]
            case 2:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 3:
                changed[at:at] = chance.choice([b",", b"=", b"t=", b"v1=", b"v0=0,", b"\xc3\xa9", b"t=1,", b'"', b"{"])
            case _:
                changed[at:at] = changed[: chance.randrange(len(changed) + 1)]
    return bytes(changed)


LEAVES: tuple[Any, ...] = (
    None,
    "",
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    True,
    [],
    {},
    "\x00",
    "\ud800",
    "x" * 5000,
    [[[]]],
    {"id": {}},
)


async def test_no_signed_body_of_any_shape_is_a_500(
    api: httpx.AsyncClient, sandbox: SandboxClient, rounds: int
) -> None:
    stripe_id = await put(api)
    await sandbox.lose_webhooks()
    await sandbox.confirm(stripe_id, "pm_card_visa_chargeDeclined")
    await sandbox.confirm(stripe_id, "pm_card_createDispute")
    events = await sandbox.events()
    chance = random.Random(rounds)  # noqa: S311 - it mutates, it guards nothing
    seen = set()
    for number in range(rounds // 2):
        event = deepcopy(chance.choice(events)) | {"id": f"evt_{number}"}
        for _ in range(chance.randint(1, 3)):
            _replace_a_leaf(chance, event)
        answer = await send(api, json.dumps(event).encode())
        assert answer.status_code in {200, 400}, (answer.text, event)
        seen.add(answer.status_code)
    assert seen == {200, 400}


def _replace_a_leaf(chance: random.Random, value: dict[str, Any]) -> None:
    """Put something odd somewhere, most often near the top."""
    while True:
        name = chance.choice(list(value))
        inner = value[name]
        if not (isinstance(inner, dict) and inner and chance.random() < 0.8):
            value[name] = deepcopy(chance.choice(LEAVES))
            return
        value = inner


async def test_a_hundred_wrong_signatures_over_a_large_body_are_refused(anonymous: httpx.AsyncClient) -> None:
    body = b"x" * 1_000_000
    header = ",".join(["t=1", *["v1=" + "0" * 64] * 100])
    answer = await anonymous.post(URL, content=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 400
