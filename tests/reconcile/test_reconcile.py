"""What webhooks did not bring is read from Stripe's list of events, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

from app.payment_intents.errors import SyncPending
from app.reconcile import service as reconcile
from app.reconcile.sync import sync
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import ChargeSnapshot, EventPage, StripeEvent, Window, gateway
from app.stripe_gateway.errors import StripeUnavailable
from app.webhooks import ingest
from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.database import Database
from tests.webhooks.sending import ATTEMPTS, CART, TEN_EUROS, put, send

DECLINED = "pm_card_visa_chargeDeclined"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Count every event as late at once."""
    return settings.model_copy(update={"reconcile_grace": timedelta(0)})


def _repaired(kind: str) -> float:
    return REGISTRY.get_sample_value("payments_repairs_total", {"kind": kind}) or 0.0


async def _pay(api: httpx.AsyncClient, sandbox: SandboxClient, cart: str) -> str:
    answer = await api.put(f"/v1/carts/{cart}/payment-intent", json=TEN_EUROS)
    stripe_id = str(answer.json()["stripe_id"])
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id)
    return stripe_id


async def test_one_reconcile_brings_drift_to_zero_and_says_how_much_it_was(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    lost = 0
    for number in range(10):
        if number % 3 == 0:
            await sandbox.lose_webhooks()
        await _pay(api, sandbox, f"c{number}")
        await sandbox.wait_idle()
        await sandbox.restore_webhooks()
    lost = sum(delivery["status"] == "lost" for delivery in await sandbox.deliveries())
    counted = _repaired("event")
    tally = await reconcile.reconcile(resources)
    await jobs()
    intents = {each["id"]: each["status"] for each in await sandbox.objects("payment_intents")}
    attempts = await database.count_attempts()
    assert {row["stripe_id"]: row["status"] for row in await database.payment_intents()} == intents
    assert set(intents.values()) == {"succeeded"}
    assert attempts == await sandbox.count("charges") == 20
    assert tally.repaired == _repaired("event") - counted == lost == 24
    assert (await reconcile.reconcile(resources)).repaired == 0


async def test_a_reconcile_that_crashed_goes_on_where_it_was(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "PAGE_SIZE", 2)
    await sandbox.lose_webhooks()
    await _pay(api, sandbox, "c1")
    await _fail_third_page(sandbox, resources)
    await sandbox.clear_requests()
    tally = await reconcile.reconcile(resources)
    pages = [each for each in await sandbox.requests() if each["path"] == "/v1/events"]
    assert tally.read == len(await sandbox.events()) - 4
    assert len(pages) == 1
    assert len((await api.get(ATTEMPTS)).json()["data"]) == 2


async def _fail_third_page(sandbox: SandboxClient, resources: Resources) -> None:
    """Reconcile with a Stripe that fails after two pages."""
    calls = 0
    call = resources.stripe.page_of_events

    async def breaking(*args: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise StripeUnavailable
        return await call(*args, **more)  # type: ignore[arg-type] # passed on as they came

    resources.stripe.page_of_events = breaking  # type: ignore[method-assign,assignment] # a Stripe that breaks off
    with pytest.raises(StripeUnavailable):
        await reconcile.reconcile(resources)
    resources.stripe.page_of_events = call  # type: ignore[method-assign] # whole again


async def test_a_pass_whose_place_stripe_forgot_begins_anew(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await _pay(api, sandbox, "c1")
    now = datetime.now(UTC)
    await database.begin_reconcile(now - timedelta(hours=1), now + timedelta(minutes=1), after="evt_forgotten")
    await reconcile.reconcile(resources)
    assert (await api.get(CART)).json()["status"] == "succeeded"


async def test_an_event_that_cannot_be_read_holds_up_no_other(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandbox.lose_webhooks()
    await _pay(api, sandbox, "c1")
    parse = ChargeSnapshot.parse

    def choosy(obj: dict[str, object]) -> object:
        if obj["status"] == "failed":
            raise ValueError("of another version")
        return parse(obj)

    monkeypatch.setattr(ChargeSnapshot, "parse", choosy)
    tally = await reconcile.reconcile(resources)
    assert tally.unreadable == 1
    assert (await api.get(CART)).json()["status"] == "succeeded"


def _about_unknown(event: dict[str, Any]) -> dict[str, Any]:
    """Return another event, about a PaymentIntent of ours that Stripe does not have."""
    marks = {"instance": "test", "payment_intent_id": str(uuid4()), "reference_kind": "cart", "reference_id": "c9"}
    obj = event["data"]["object"] | {"id": "pi_wiped", "metadata": marks}
    return event | {"id": "evt_wiped", "data": {"object": obj}}


async def test_an_event_about_what_stripe_does_not_have_holds_up_no_other_and_is_told_once(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    await sandbox.lose_webhooks()
    await _pay(api, sandbox, "c1")
    succeeded = next(each for each in await sandbox.events() if each["type"] == "payment_intent.succeeded")
    wiped = _about_unknown(succeeded)
    parsed = StripeEvent.parse(wiped)
    page_of_events = resources.stripe.page_of_events

    async def with_it(window: Window, *, after: str | None) -> EventPage:
        page = await page_of_events(window, after=after)
        return replace(page, events=(*page.events, parsed))

    resources.stripe.page_of_events = with_it  # type: ignore[method-assign] # the sandbox never forgets a payment
    refused = await send(api, wiped)
    await jobs()
    since = datetime.now(UTC) - timedelta(days=1)
    first = await reconcile.reconcile(resources)
    again = [await reconcile.reconcile(resources), await reconcile.replay(resources, since, on_page=lambda *_: None)]
    accepted = await send(api, wiped)
    assert refused.json()["code"] == "recovery_pending"
    assert (first.unknown, first.failed, (await api.get(CART)).json()["status"]) == (1, 0, "succeeded")
    assert [each.unknown for each in again] == [0, 0]
    assert accepted.json() == {"outcome": "duplicate"}


async def test_an_event_that_fails_for_now_is_taken_by_the_next_pass(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandbox.lose_webhooks()
    await _pay(api, sandbox, "c1")
    ingest_one, locked = ingest.ingest, {"charge.succeeded"}

    async def ingest_unless_locked(resources: Resources, event: StripeEvent) -> ingest.Outcome:
        if event.type in locked:
            raise SyncPending
        return await ingest_one(resources, event)

    monkeypatch.setattr(ingest, "ingest", ingest_unless_locked)
    first = await reconcile.reconcile(resources)
    locked.clear()
    second = await reconcile.reconcile(resources)
    assert (first.failed, second.failed, second.repaired) == (1, 0, 1)
    assert (await api.get(CART)).json()["attempts"]["count"] == 2


@pytest.mark.parametrize(
    "change",
    [{"disabled": "true"}, {"enabled_events[0]": "payment_intent.succeeded"}],
    ids=["it was disabled", "it lacked the type"],
)
async def test_what_stripe_sent_to_no_endpoint_is_found_within_an_hour(
    change: dict[str, str], api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources
) -> None:
    stripe_id = await _pay(api, sandbox, "c1")
    await sandbox.wait_idle()
    key = resources.settings.stripe_secret_key.get_secret_value()
    async with httpx.AsyncClient(base_url=str(resources.settings.stripe_api_base), auth=(key, "")) as stripe:
        [endpoint] = (await stripe.get("/v1/webhook_endpoints")).json()["data"]
        await stripe.post(f"/v1/webhook_endpoints/{endpoint['id']}", data=change)
    await sandbox.dashboard_refund(stripe_id, 300)
    await sandbox.wait_idle()
    missed = REGISTRY.get_sample_value("payments_webhook_events_missed_total") or 0
    undelivered = await reconcile.reconcile(resources)
    first, second = [await reconcile.reconcile_recent(resources) for _ in range(2)]
    assert undelivered.repaired == second.repaired == 0
    assert first.repaired > 0
    assert REGISTRY.get_sample_value("payments_webhook_events_missed_total") == missed + first.repaired
    assert (await api.get(CART)).json()["amount_refunded"] == 300


async def test_a_replay_repeats_safely(api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources) -> None:
    await sandbox.lose_webhooks(2)
    await _pay(api, sandbox, "c1")
    await sandbox.wait_idle()
    since = datetime.now(UTC) - timedelta(days=1)
    heard: list[datetime] = []
    first = await reconcile.replay(resources, since, on_page=lambda back_to, _: heard.append(back_to))
    second = await reconcile.replay(resources, since, on_page=lambda *_: None)
    assert (first.repaired, second.repaired) == (2, 0)
    assert first.read == second.read == len(await sandbox.events())
    assert heard
    assert (await api.get(CART)).json()["attempts"]["count"] == 2


async def test_sync_repairs_one(api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources) -> None:
    await sandbox.lose_webhooks()
    stripe_id = await put(api)
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id, "pm_card_createDispute")
    synced = await sync(resources, stripe_id)
    assert synced is not None
    row, repairs = synced
    assert (row.status, repairs.is_changed, repairs.attempts, repairs.disputes) == ("succeeded", True, 2, 1)
    again = await sync(resources, stripe_id)
    assert again is not None
    assert (again[1].is_changed, again[1].attempts, again[1].disputes) == (False, 0, 0)
