"""The doctor checks the installation and says what to do about each finding."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from app.__main__ import app
from app.doctor import checks
from app.doctor.checks import Result, examine, examine_webhooks
from app.settings import Settings
from app.stripe_gateway import API_VERSION, WebhookEndpointSnapshot
from app.webhooks.subscription import EVENTS
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.database import Database
from tests.processes import environment

ROOT = Path(__file__).parents[2]
ENDPOINT = WebhookEndpointSnapshot("we_1", "https://pay.example/v1/stripe/webhook", True, API_VERSION, EVENTS)


def _faults(results: list[Result]) -> dict[str, str]:
    return {result.subject: result.remedy for result in results if result.remedy}


async def test_a_migrated_database_and_a_registered_webhook_have_no_findings(
    settings: Settings, sandbox: SandboxClient
) -> None:
    results = await examine(settings)
    seen = {result.subject: result.seen for result in results}
    assert _faults(results) == {}
    assert seen["Stripe key"] == "valid, of account acct_sandbox (Sandbox)"
    assert "migrated to" in seen["Database"]
    assert seen.keys() == {
        "Settings",
        "Database",
        "Stripe key",
        "Clock",
        "Webhook we_configured",
        "Events",
        "Event feed",
    }


async def test_a_wrong_stripe_key_is_reported(settings: Settings, sandbox: SandboxClient) -> None:
    wrong = Settings.model_validate(settings.model_dump() | {"stripe_secret_key": "sk_test_wrong"})
    assert "STRIPE_SECRET_KEY" in _faults(await examine(wrong))["Stripe key"]


# What a restricted key needs, as docs/operate.md lists it.
NEEDED = {
    "payment_intent_write": "PaymentIntents: Write",
    "checkout_session_write": "Checkout Sessions: Write",
    "charge_write": "Charges and Refunds: Write",
    "dispute_read": "Disputes: Read",
    "event_read": "Events: Read",
    "webhook_read": "Webhook Endpoints: Read",
    "accounts_kyc_basic_read": "Accounts: Read",
}


async def _with_key(settings: Settings, sandbox: SandboxClient, permissions: Iterable[str]) -> Settings:
    await sandbox.restrict_key("rk_test_service", permissions)
    return Settings.model_validate(settings.model_dump() | {"stripe_secret_key": "rk_test_service"})


async def test_a_restricted_key_with_what_is_documented_has_no_findings(
    settings: Settings, sandbox: SandboxClient
) -> None:
    assert _faults(await examine(await _with_key(settings, sandbox, NEEDED))) == {}
    documented = " ".join((ROOT / "docs" / "operate.md").read_text(encoding="utf-8").split())
    assert [name for name in NEEDED.values() if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("lacking", NEEDED)
async def test_each_missing_permission_is_named_in_stripes_words(
    settings: Settings, sandbox: SandboxClient, lacking: str
) -> None:
    results = await examine(await _with_key(settings, sandbox, NEEDED.keys() - {lacking}))
    [found] = [each for each in results if each.subject == "Stripe key" and each.remedy]
    assert f"'rak_{lacking}'" in found.seen
    assert NEEDED[lacking] in (found.remedy or "")
    assert "rk_test_service" not in str(results)


async def test_to_try_the_permissions_changes_nothing_at_stripe(
    cart: Cart, settings: Settings, sandbox: SandboxClient
) -> None:
    await cart.owe()
    before = [event["id"] for event in await sandbox.events()]
    await examine(settings)
    assert [event["id"] for event in await sandbox.events()] == before
    assert await sandbox.count("payment_intent") == 1


async def test_a_stripe_that_does_not_answer_is_reported(settings: Settings, sandbox: SandboxClient) -> None:
    away = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
    assert "network" in _faults(await examine(away))["Stripe"]


async def test_a_transaction_that_holds_up_the_feed_is_named(
    settings: Settings, cart: Cart, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MAX_FEED_LAG", timedelta(0))
    async with database.locked("UPDATE event_feed SET is_only = true"):
        await cart.owe()
        results = await examine(settings)
    assert "A transaction of this PostgreSQL server holds it up: process " in _faults(results)["Event feed"]
    assert "Event feed" not in _faults(await examine(settings))


async def test_a_restored_dump_that_was_not_migrated_is_reported(
    settings: Settings, sandbox: SandboxClient, database: Database
) -> None:
    identifier = await database.value("SELECT system_identifier FROM event_feed")
    await database.execute("UPDATE event_feed SET system_identifier = 1")
    results = await examine(settings)
    await database.execute("UPDATE event_feed SET system_identifier = $1", identifier)
    assert "migrate" in _faults(results)["Event feed"]


async def test_a_wrong_clock_is_reported(settings: Settings, sandbox: SandboxClient) -> None:
    await sandbox.advance(120)
    assert "NTP" in _faults(await examine(settings))["Clock"]


async def test_a_database_that_cannot_be_reached_is_reported_without_its_password(
    settings: Settings, sandbox: SandboxClient
) -> None:
    url = settings.database_url.get_secret_value()
    missing = f"{url.rpartition('/')[0]}/nowhere"
    away = "postgresql://payments:s3cr3t@127.0.0.1:9/x"
    for given in (missing, away):
        results = await examine(Settings.model_validate(settings.model_dump() | {"database_url": given}))
        assert "DATABASE_URL" in _faults(results)["Database"]
        assert "s3cr3t" not in str(results)


async def test_a_database_without_our_tables_is_reported(
    settings: Settings, sandbox: SandboxClient, database_url: str
) -> None:
    plain = database_url.replace("+asyncpg", "")
    connection = await asyncpg.connect(plain)
    await connection.execute("DROP DATABASE IF EXISTS bare")
    await connection.execute("CREATE DATABASE bare")
    bare = Settings.model_validate(settings.model_dump() | {"database_url": f"{plain.rpartition('/')[0]}/bare"})
    faults = _faults(await examine(bare))
    await connection.execute("DROP DATABASE bare WITH (FORCE)")
    await connection.close()
    assert "app migrate" in faults["Database"]


async def test_a_silent_webhook_is_reported(cart: Cart, settings: Settings, sandbox: SandboxClient) -> None:
    lenient = settings.model_copy(update={"reconcile_grace": timedelta(seconds=2)})
    await sandbox.lose_webhooks()
    await cart.owe()
    await cart.pay()
    await asyncio.sleep(2.1)  # so old must an event be
    silent = await examine(lenient)
    await sandbox.restore_webhooks()
    await cart.another("/v1/carts/c2").owe()
    await sandbox.wait_idle()
    await asyncio.sleep(2.1)
    heard = await examine(lenient)
    assert "endpoint is enabled" in _faults(silent)["Events"]
    assert "Events" not in _faults(heard)


@pytest.mark.parametrize(
    ("endpoint", "remedy"),
    [
        (replace(ENDPOINT, url="https://pay.example/other"), "Register"),
        (replace(ENDPOINT, is_enabled=False), "Enable"),
        (replace(ENDPOINT, enabled_events=EVENTS - {"refund.failed"}), "Add refund.failed."),
        (replace(ENDPOINT, api_version="2024-06-20"), API_VERSION),
        (replace(ENDPOINT, api_version=None), API_VERSION),
    ],
    ids=["another address", "disabled", "an event is missing", "an old API version", "the account's API version"],
)
def test_a_webhook_that_would_miss_something_is_reported(endpoint: WebhookEndpointSnapshot, remedy: str) -> None:
    [result] = examine_webhooks([endpoint])
    assert remedy in (result.remedy or "")


def test_a_webhook_with_all_events_is_well() -> None:
    assert _faults(examine_webhooks([ENDPOINT, replace(ENDPOINT, enabled_events=frozenset("*"))])) == {}


async def test_a_clock_within_its_bound_is_well() -> None:
    assert timedelta(0) < checks.MAX_SKEW < timedelta(minutes=5)


async def test_the_command_shows_remedies_and_exits_with_1(
    settings: Settings, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    well = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["doctor"]))
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_wrong")
    ill = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["doctor"]))
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET")
    unreadable = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["doctor"]))
    assert (well.exit_code, ill.exit_code, unreadable.exit_code) == (0, 1, 1)
    assert "acct_sandbox" in well.stdout
    assert "STRIPE_SECRET_KEY" in ill.stdout
    assert "STRIPE_WEBHOOK_SECRET is missing" in unreadable.stdout
