"""What webhooks did not bring is read from Stripe's list of events, once."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client import REGISTRY

from app.reconcile import service as reconcile
from app.reconcile.sync import sync
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import ChargeSnapshot, gateway
from app.stripe_gateway.errors import StripeUnavailable
from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.database import Database
from tests.webhooks.sending import ATTEMPTS, CART, TEN_EUROS, put

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
