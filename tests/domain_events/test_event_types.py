"""Every type of event is documented, tells its fact once, and has no place for personal data."""

import re
from dataclasses import fields
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from app.domain_events.schemas import EVENT_MODELS, FIELDS, example_of
from app.payment_intents.protocol.events import FACTS, FactClass
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs
from tests.database import Database


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type)
def test_each_type_is_documented_with_a_valid_example(fact: FactClass, document: dict[str, Any]) -> None:
    operation = document["webhooks"][fact.type]["post"]
    schemas = document["components"]["schemas"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    EVENT_MODELS[fact.type].model_validate(example)
    assert set(example["data"]) == set(schemas[fact.__name__]["properties"]) == {each.name for each in fields(fact)}
    assert all(each["description"] for each in schemas[fact.__name__]["properties"].values())
    assert schemas[f"{fact.__name__}Event"]["properties"]["type"]["const"] == fact.type


def test_data_has_only_the_fields_that_the_glossary_explains() -> None:
    assert {each.name for fact in FACTS for each in fields(fact)} == set(FIELDS)
    personal = re.compile("email|name|phone|address|last4|card|secret|description|metadata|message|ip$")
    assert [name for name in FIELDS if personal.search(name)] == []
    assert all(example_of(fact)["type"] == fact.type for fact in FACTS)


async def _stream(database: Database) -> list[dict[str, Any]]:
    return sorted(await database.domain_events(), key=lambda event: event["sequence"])


async def _told(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Return what was told, each event checked against the schema of its type."""
    stream = await _stream(database)
    for event in stream:
        [fact] = [each for each in FACTS if each.type == event["type"]]
        TypeAdapter(fact).validate_python(event["data"])
    assert [event["sequence"] for event in stream] == list(range(1, len(stream) + 1))
    return [(event["type"], event["data"]) for event in stream]


async def test_a_new_payment_intent_is_told_once(cart: Cart, database: Database) -> None:
    await cart.owe()
    [opened] = await _stream(database)
    assert (opened["type"], opened["data"]["amount"], opened["data"]["generation"]) == ("payment.opened", 1000, 1)


async def test_a_new_price_is_told_when_stripe_holds_it(cart: Cart, database: Database) -> None:
    await cart.owe()
    answer = await cart.put(amount=1500)
    assert answer.status_code == 200
    [_, (type_, data)] = await _told(database)
    assert type_ == "payment.amount_changed"
    assert (data["amount"], data["previous_amount"]) == (1500, 1000)
    assert (await _stream(database))[-1]["stripe_id"] == answer.json()["stripe_id"]


async def test_a_refused_creation_is_told_as_canceled_by_stripe(
    cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    answer = await cart.put(amount=1)  # below Stripe's minimum
    assert answer.status_code == 422
    events = await _told(database)
    assert [type_ for type_, _ in events] == ["payment.opened", "payment.canceled"]
    assert (events[-1][1]["reason"], events[-1][1]["canceled_by"]) == ("refused", "stripe")
    assert events[-1][1]["stripe_code"] == "amount_too_small"


async def test_a_cancel_says_who_asked_for_it(cart: Cart, api: httpx.AsyncClient, database: Database) -> None:
    await cart.owe()
    await api.post("/v1/carts/c1/payment-intent/cancel", json={})
    (type_, data) = (await _told(database))[-1]
    assert (type_, data["reason"]) == ("payment.canceled", "requested")
    assert data["canceled_by"].startswith("client:")


async def test_a_suspected_fraud_is_told_once(
    cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs
) -> None:
    await cart.owe()
    await sandbox.duplicate_events(-1)
    await cart.pay("pm_card_createIssuerFraudRecord")
    await sandbox.wait_idle()
    await jobs()
    events = await _told(database)
    assert [type_ for type_, _ in events].count("fraud_warning.created") == 1
    assert (await cart.state())["flags"] == ["fraud_warning"]


async def test_a_dispute_is_told_from_its_opening_to_its_end(
    cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs
) -> None:
    await cart.owe()
    await cart.pay("pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_submit_evidence(dispute["id"], "losing_evidence")
    await sandbox.wait_idle()
    await jobs()
    types = [type_ for type_, _ in await _told(database) if type_.startswith("dispute.")]
    assert (types[0], types[-1]) == ("dispute.opened", "dispute.closed")
