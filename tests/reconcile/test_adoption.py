"""After an old backup was restored, our PaymentIntents are adopted from Stripe, and two can never be paid."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.payment_intents import recovery
from app.reconcile import adoption
from app.reconcile import service as reconcile
from app.reconcile.service import Tally
from app.reconcile.sync import sync
from app.resources import Resources
from app.stripe_gateway.errors import StripeUnavailable
from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.database import Database
from tests.webhooks.sending import ATTEMPTS, CART, TEN_EUROS, put

DECLINED = "pm_card_visa_chargeDeclined"


async def _replay(resources: Resources) -> Tally:
    return await reconcile.replay(resources, datetime.now(UTC) - timedelta(days=1), on_page=lambda *_: None)


def _same(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only this row's history tells."""
    without = {"updated_at", "expires_at", "client_secret", "attempts", "created_at", "paid_at"}
    return {name: value for name, value in state.items() if name not in without}


async def test_a_replay_brings_a_payment_back_with_its_attempts(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    stripe_id = await put(api, metadata={"color": "red"}, description="Ten")
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id, "pm_card_createDispute")
    await sandbox.wait_idle()
    before, attempts = (await api.get(CART)).json(), (await api.get(ATTEMPTS)).json()["data"]
    await database.restore_empty_backup()
    tally = await _replay(resources)
    await jobs()
    after, brought = (await api.get(CART)).json(), (await api.get(ATTEMPTS)).json()["data"]
    assert tally.adopted == 1
    assert _same(after) == _same(before)
    assert [each["charge_id"] for each in brought] == [each["charge_id"] for each in attempts]


async def test_several_generations_come_back_in_their_order(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    await put(api)
    await api.post(f"{CART}/cancel", json={})
    paid = await put(api)
    await sandbox.confirm(paid)
    await sandbox.wait_idle()
    previous = (await api.get(CART)).json()["id"]
    newest = await put(api, previous_payment_intent=previous, cart_version=8)
    await sandbox.wait_idle()
    await database.restore_empty_backup()
    await _replay(resources)
    await jobs()
    state = (await api.get(CART)).json()
    assert (state["stripe_id"], state["generation"], state["flags"]) == (newest, 3, [])
    assert [row["status"] for row in await database.payment_intents()] == [
        "canceled",
        "succeeded",
        "requires_payment_method",
    ]


async def test_an_adopted_one_is_found_and_updated_by_the_next_put(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    stripe_id = await put(api, description="Ten", receipt_email="ada@example.com", shipping=_SHIPPING)
    await database.restore_empty_backup()
    await sync(resources, stripe_id)
    await sandbox.clear_requests()
    assert await put(api, description="Ten", receipt_email="ada@example.com", shipping=_SHIPPING) == stripe_id
    assert [each["path"] for each in await sandbox.requests() if each["method"] == "POST"] == []
    assert await put(api, amount=2000, cart_version=8) == stripe_id
    [intent] = await sandbox.objects("payment_intents")
    assert (intent["amount"], intent["description"], intent["shipping"]) == (
        2000,
        "Ten",
        None,
    )  # what Stripe can not unset stays


_SHIPPING = {"name": "Ada", "address": {"line1": "1 Main Street", "country": "GB"}}


async def test_a_webhook_about_a_missing_one_has_it_adopted_and_is_recorded_when_it_is_sent_again(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    stripe_id = await put(api)
    await sandbox.wait_idle()
    await database.restore_empty_backup()
    await sandbox.pause_webhooks()
    await sandbox.confirm(stripe_id, "pm_card_threeDSecure2Required")
    await sandbox.authenticate(stripe_id, "fail", leaves_charge=False)
    assert await sandbox.deliver_pending() == 2
    await jobs()
    await sandbox.resume_webhooks()
    await sandbox.wait_idle()
    await jobs()
    state = (await api.get(CART)).json()
    assert (state["stripe_id"], state["status"], state["attempts"]["count"]) == (
        stripe_id,
        "requires_payment_method",
        1,
    )


async def test_a_restored_row_is_synced_to_stripes_newer_request(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    stripe_id = await put(api)
    await sandbox.wait_idle()
    [kept] = await database.payment_intents()
    await put(api, amount=2000, cart_version=8)
    await database.restore(kept, cart_version=7)
    synced = await sync(resources, stripe_id)
    await jobs()
    state = (await api.get(CART)).json()
    [intent] = await sandbox.objects("payment_intents")
    assert synced is not None
    assert (state["amount"], state["requested_amount"], state["cart_version"]) == (2000, 2000, 8)
    assert intent["amount"] == 2000


async def test_an_old_one_that_a_new_one_has_replaced_is_cancelled(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    old = await put(api)
    await sandbox.wait_idle()
    await database.restore_empty_backup()
    new = await put(api, amount=2000)
    await _replay(resources)
    await jobs()
    statuses = {each["id"]: each["status"] for each in await sandbox.objects("payment_intents")}
    assert statuses == {old: "canceled", new: "requires_payment_method"}
    assert (await api.get(CART)).json()["stripe_id"] == new
    assert [row["generation"] for row in await database.payment_intents()] == [1, 2]
    assert (await api.put(CART, json=TEN_EUROS | {"amount": 3000, "cart_version": 9})).json()["stripe_id"] == new


async def test_one_that_was_paid_is_what_the_cart_comes_to_after_another_was_cancelled(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    """Else the next PUT would open a third one, and the shopper would pay twice."""
    paid = await put(api)
    await sandbox.confirm(paid)
    await sandbox.wait_idle()
    await database.restore_empty_backup()
    await put(api, amount=2000)
    await api.post(f"{CART}/cancel", json={})
    await _replay(resources)
    await jobs()
    answer = await api.put(CART, json=TEN_EUROS | {"amount": 3000, "cart_version": 9})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")
    assert (await api.get(CART)).json()["stripe_id"] == paid
    assert await sandbox.count("payment_intents") == 2


async def _race(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, patch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """Adopt one, and have a PUT open another just before it is written; return both ids at Stripe."""
    old = await put(api)
    await sandbox.wait_idle()
    await database.restore_empty_backup()
    refresh, new = adoption._refresh, []

    async def overtaken(*arguments: Any) -> None:
        await refresh(*arguments)
        new.append(await put(api, amount=2000))

    patch.setattr(adoption, "_refresh", overtaken)
    await adoption.adopt(resources, await resources.stripe.retrieve_payment_intent(old))
    return old, new[0]


async def test_one_that_a_put_overtakes_is_cancelled(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = await _race(api, sandbox, resources, database, monkeypatch)
    statuses = {each["id"]: each["status"] for each in await sandbox.objects("payment_intents")}
    assert statuses == {old: "canceled", new: "requires_payment_method"}
    assert (await api.get(CART)).json()["stripe_id"] == new


async def test_one_that_could_not_be_cancelled_is_cancelled_by_the_sweep(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    with pytest.raises(StripeUnavailable):
        await _race(api, sandbox, resources, database, monkeypatch)
    await recovery.sweep(resources)
    await jobs()
    assert [row["status"] for row in await database.payment_intents()] == ["canceled", "requires_payment_method"]


async def test_one_that_is_paid_meanwhile_is_recorded_and_flagged(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    with pytest.raises(StripeUnavailable):
        await _race(api, sandbox, resources, database, monkeypatch)
    old = (await database.payment_intents())[0]["stripe_id"]
    await sandbox.lose_webhooks()
    await sandbox.confirm(old)
    await recovery.sweep(resources)
    await jobs()
    rows = await database.payment_intents()
    assert [(row["status"], row["flags"]) for row in rows] == [
        ("succeeded", ["paid_after_close"]),
        ("requires_payment_method", []),
    ]


async def test_one_of_another_installation_is_never_adopted(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    params = {"amount": 500, "currency": "eur", "metadata": {"instance": "staging"}}
    other = await resources.stripe.create_payment_intent(params, key="other")
    assert await sync(resources, other.id) is None
    assert await database.payment_intents() == []
