"""Check the settings, the database and Stripe from inside the service; each problem comes with its remedy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg

from app.db import migrations
from app.db.connect import check_sessions
from app.db.engine import Database
from app.db.errors import DatabaseUnavailable
from app.doctor.production_checks import find_unsafe
from app.domain_events import feed
from app.domain_events.errors import FeedNotMigrated
from app.domain_events.installation import read_installation
from app.errors import PaymentsError
from app.notifications import repository as notifications
from app.observability.redaction import redact
from app.resources import Resources, open_resources
from app.settings import Settings
from app.stripe_account import service as stripe_account
from app.stripe_account.errors import AnotherAccount
from app.stripe_gateway import API_VERSION, AccountSnapshot, WebhookEndpointSnapshot, Window
from app.stripe_gateway.errors import StripeMisconfigured
from app.stripe_gateway.permissions import PERMISSIONS, READ_ACCOUNT, READ_WEBHOOKS
from app.webhooks.repository import find_received
from app.webhooks.router import PATH
from app.webhooks.subscription import EVENTS

# So far back an endpoint that brought nothing is called silent.
SILENCE = timedelta(days=1)

# Stripe's signatures are valid for five minutes; a clock that is this far off is drifting towards that.
MAX_SKEW = timedelta(seconds=30)


# Events wait so long for somebody's transaction to end before it is worth a word.
MAX_FEED_LAG = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check. Without a remedy, all is well."""

    subject: str
    seen: str
    remedy: str | None = None


async def examine(settings: Settings) -> list[Result]:
    """Run every check, even when some fail."""
    results = _examine_settings(settings)
    async with open_resources(settings) as resources:
        results.append(await _examine_database(settings, resources.database))
        results += await _examine_feed(resources.database)
        results += await _examine_notifications(resources.database)
        results += await _examine_stripe(resources)
        results += await _examine_silence(resources)
    return results


def _examine_settings(settings: Settings) -> list[Result]:
    findings = [Result("Settings", finding.problem, finding.remedy) for finding in find_unsafe(settings)]
    return findings or [Result("Settings", f"safe for {settings.environment}, Stripe's {settings.mode} mode")]


async def _examine_database(settings: Settings, database: Database) -> Result:
    if (reason := await check_sessions(settings)) is not None:
        problem, _, remedy = reason.partition(". ")
        return Result("Database", problem, remedy)
    try:
        is_current = await migrations.is_current(database)
    except (DatabaseUnavailable, asyncpg.PostgresError) as error:
        cause = error.__cause__ or error
        reason = redact(str(cause) or type(cause).__name__)
        return Result("Database", f"cannot be used: {reason}", "Check DATABASE_URL and the server.")
    if not is_current:
        return Result("Database", "lacks this version's tables", "Run `python -m app migrate`.")
    return Result("Database", f"reachable and migrated to {migrations.head()}")


_OLDEST_TRANSACTION = """
SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds
FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start
LIMIT 1
"""


async def _examine_feed(database: Database) -> list[Result]:
    """Look whether events can be read; nothing where the database can't be used, which is another finding."""
    try:
        await read_installation(database)
        lag = await feed.lag_seconds(database)
        oldest = await database.fetchrow(_OLDEST_TRANSACTION) if lag > MAX_FEED_LAG.total_seconds() else None
    except FeedNotMigrated as error:
        return [Result("Event feed", error.detail, "Run `python -m app migrate`.")]
    except (DatabaseUnavailable, asyncpg.PostgresError):
        return []
    if lag <= MAX_FEED_LAG.total_seconds():
        return [Result("Event feed", "read to its end")]
    who = f"process {oldest['pid']}, for {oldest['seconds']} s" if oldest else "one that this role may not see"
    remedy = f"A transaction of this PostgreSQL server holds it up: {who}. End it, or wait."
    return [Result("Event feed", f"stands still for {lag:.0f} s", remedy)]


async def _examine_notifications(database: Database) -> list[Result]:
    """Find endpoints that get nothing; nothing where there is none, or the database can't be used."""
    try:
        endpoints = await notifications.list_endpoints(database)
    except (DatabaseUnavailable, asyncpg.PostgresError):
        return []
    results = []
    for each in endpoints:
        subject = f"Notifications {each['id']}"
        if each["disabled_reason"] in {"gone", "unreachable"}:
            remedy = f"Repair the receiver, then POST /v1/notification-endpoints/{each['id']}/enable and /recover."
            results.append(Result(subject, f"is disabled: {each['disabled_reason']}", remedy))
        elif each["failing_since"] is not None:
            results.append(Result(subject, f"fails since {each['failing_since']:%F %T}", "Look at its deliveries."))
        elif each["is_enabled"]:
            results.append(Result(subject, "is reached"))
    return results


async def _examine_stripe(resources: Resources) -> list[Result]:
    try:
        missing = {each.name: why for each in PERMISSIONS if (why := await resources.stripe.why_not_permitted(each))}
        account = [] if READ_ACCOUNT.name in missing else await _examine_account(resources)
        webhooks = [] if READ_WEBHOOKS.name in missing else await _examine_webhooks(resources)
    except StripeMisconfigured as error:
        return [Result("Stripe key", f"is not accepted: {redact(error.reason or '')}", "Check STRIPE_SECRET_KEY.")]
    except PaymentsError as error:
        return [Result("Stripe", f"did not answer: {error.detail}", "Check the network, and Stripe's status page.")]
    lacks = [
        Result("Stripe key", f"lacks a permission: {redact(why)}", f"Give it “{name}” in Stripe's dashboard.")
        for name, why in missing.items()
    ]
    return [*lacks, *account, *webhooks]


async def _examine_account(resources: Resources) -> list[Result]:
    account = await resources.stripe.retrieve_account()
    name = f"{account.id} ({account.name})" if account.name else account.id
    key = await _compare_account(resources) or Result("Stripe key", f"valid, of account {name}")
    return [key, _examine_clock(account)]


async def _examine_webhooks(resources: Resources) -> list[Result]:
    return examine_webhooks(await resources.stripe.list_webhook_endpoints())


async def _compare_account(resources: Resources) -> Result | None:
    """Find a key of another account than the one that has what is here. An unusable database is another finding."""
    try:
        await stripe_account.check(resources)
    except AnotherAccount as error:
        return Result("Stripe key", error.problem, error.remedy)
    except (PaymentsError, asyncpg.PostgresError):
        return None
    return None


def _examine_clock(account: AccountSnapshot) -> Result:
    if account.answered_at is None:
        return Result("Clock", "cannot be compared: Stripe's answer has no date", "Find the proxy that removes it.")
    skew = abs(datetime.now(UTC) - account.answered_at)
    seconds = f"{skew.total_seconds():.0f} s from Stripe's"
    if skew > MAX_SKEW:
        return Result("Clock", seconds, "Synchronize this machine's clock (NTP): signatures are checked against it.")
    return Result("Clock", seconds)


async def _examine_silence(resources: Resources) -> list[Result]:
    """Compare Stripe's newest events with those that webhooks brought; nothing where either can't be read."""
    grace = resources.settings.reconcile_grace
    try:
        until = await resources.database.fetchval("SELECT now()") - grace
        page = await resources.stripe.page_of_events(Window(until - SILENCE, until, is_undelivered=False), after=None)
        received = await find_received(resources.database, [event.id for event in page.events])
    except (PaymentsError, asyncpg.PostgresError):
        return []  # another finding says so
    brought = [each for each in page.events if each.id in received and received[each.id] - each.created <= grace]
    if page.events and not brought:
        seen = f"no webhook brought any of Stripe's newest {len(page.events)}, of the last day"
        remedy = "Check that the endpoint is enabled and leads here; it is silent, and payments are known late."
        return [Result("Events", seen, remedy)]
    return [Result("Events", f"webhooks brought {len(brought)} of Stripe's newest {len(page.events)}, of the last day")]


def examine_webhooks(endpoints: list[WebhookEndpointSnapshot]) -> list[Result]:
    """Check the endpoints with this service's path; other services of the account may have others."""
    ours = [endpoint for endpoint in endpoints if urlsplit(endpoint.url).path == PATH]
    if not ours:
        remedy = f"Register https://<this service>{PATH} at Stripe, with API version {API_VERSION}."
        return [Result("Webhook", f"no endpoint at Stripe leads to {PATH}", remedy)]
    return [result for endpoint in ours for result in _examine_webhook(endpoint)]


def _examine_webhook(endpoint: WebhookEndpointSnapshot) -> Iterator[Result]:
    subject, is_right = f"Webhook {endpoint.id}", True
    if not endpoint.is_enabled:
        is_right = False
        yield Result(subject, "is disabled", "Enable it in Stripe's Dashboard.")
    missing = set() if "*" in endpoint.enabled_events else EVENTS - endpoint.enabled_events
    if missing:
        is_right = False
        yield Result(subject, f"lacks {len(missing)} event types", f"Add {', '.join(sorted(missing))}.")
    if endpoint.api_version != API_VERSION:
        is_right = False
        version = endpoint.api_version or "the account's default version"
        yield Result(subject, f"sends {version}", f"Make an endpoint with API version {API_VERSION} in its place.")
    if is_right:
        yield Result(subject, f"{endpoint.url}, with all events, {endpoint.api_version}")
