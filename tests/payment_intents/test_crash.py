"""The process killed (-9) at each point of each command: sending it again ends right, with one PaymentIntent.

Nothing in the service knows of these points. The process is stopped from outside: by Stripe, which holds its answer
(or the request before its work), and by PostgreSQL, which holds a lock that the next transaction needs. After the last
commit nothing holds it: it is killed as soon as what it wrote is seen, before or just after it answered.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest

from app.payment_intents import recovery
from app.resources import Resources
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import Jobs, NewKey
from tests.database import LAST_ACTIVITY, LEASE, Database
from tests.processes import api_process, worker_process
from tests.stripe_calls import confirmation_token
from tests.waiting import until_held

CART = "/v1/carts/c1/payment-intent"
SESSION = "/v1/carts/c1/checkout-session"
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur"}
TWENTY_EUROS: dict[str, Any] = {"amount": 2000, "currency": "eur"}
MUG: dict[str, Any] = TEN_EUROS | {"return_url": "https://shop.example/thanks"}
MANUAL: dict[str, Any] = TEN_EUROS | {"capture_method": "manual"}

Point = Literal[
    "before its claim",
    "after the claim, before the call",
    "while its call lands late",
    "after the call",
    "before the commit",
    "after the commit",
]
POINTS: tuple[Point, ...] = Point.__args__  # type: ignore[attr-defined] # typing does not tell its own attributes

# What each transaction on a PaymentIntent waits for first.
REFERENCE = "LOCK TABLE payment_references IN ACCESS EXCLUSIVE MODE"


@dataclass(frozen=True)
class Command:
    """What is sent to the API and where it calls Stripe; the worker does what has no request."""

    name: str
    method: str
    path: str
    stripe: str
    body: dict[str, Any]


COMMANDS = [
    Command("create", "PUT", CART, "/v1/payment_intents", TEN_EUROS),
    Command("update", "PUT", CART, f"/v1/payment_intents/pi_{'?' * 24}", TWENTY_EUROS),
    Command("cancel", "POST", f"{CART}/cancel", "/v1/payment_intents/*/cancel", {}),
    Command("capture", "POST", f"{CART}/capture", "/v1/payment_intents/*/capture", {"amount": 600}),
    Command("expire", "", "", "/v1/payment_intents/*/cancel", {}),
    Command("open a session", "PUT", SESSION, "/v1/checkout/sessions", MUG),
    Command("expire a session", "POST", f"{SESSION}/expire", "/v1/checkout/sessions/*/expire", {}),
    Command("change to a session", "PUT", SESSION, "/v1/payment_intents/*/cancel", MUG),
    Command("change from a session", "PUT", CART, "/v1/checkout/sessions/*/expire", TEN_EUROS),
]

# Left to the long run: each is like another one.
SELDOM = {"cancel", "expire a session", "change from a session"}


class Stage:
    """Where a process is stopped and killed."""

    def __init__(self, sandbox: SandboxClient, database: Database) -> None:
        self._sandbox = sandbox
        self._database = database

    @asynccontextmanager
    async def closed(self, point: Point) -> AsyncIterator[None]:
        """Lock the references, if the point is before the first transaction."""
        if point != "before its claim":
            yield
            return
        async with self._database.locked(REFERENCE):
            yield

    async def kill(self, process: asyncio.subprocess.Process, point: Point) -> None:
        """Kill the process when it reaches the point. The command has been sent already."""
        match point:
            case "before its claim":
                await self._database.until_blocked()
            case "before the commit":
                await until_held(self._sandbox, seconds=30)
                async with self._database.locked(REFERENCE):
                    await self._sandbox.release()
                    await self._database.until_blocked()
                    await _kill(process)
            case "after the commit":
                await until_held(self._sandbox, seconds=30)
                await self._sandbox.release()
                await self._database.until_recorded()
            case _:
                await until_held(self._sandbox, seconds=30)
        await _kill(process)
        await self._sandbox.clear_faults()  # what is held goes on, or is dropped


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _prepare(
    command: Command, api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    """Bring the cart to where the command makes sense."""
    if command.name in {"create", "open a session"}:
        return
    if command.name in {"expire a session", "change from a session"}:
        await api.put(SESSION, json=MUG)
        return
    created = (await api.put(CART, json=MANUAL if command.name == "capture" else TEN_EUROS)).json()
    if command.name == "capture":
        await sandbox.confirm(created["stripe_id"])
        await api.get(CART, params={"sync": "true"})
    if command.name == "expire":
        await database.age(timedelta(hours=25), LAST_ACTIVITY)
        await recovery.sweep(resources)
    await sandbox.wait_idle()


async def _arm(command: Command, point: Point, sandbox: SandboxClient) -> None:
    """Make the sandbox hold or drop the request of the command."""
    if point == "before its claim":
        return
    is_early = point in {"after the claim, before the call", "while its call lands late"}
    if point == "after the claim, before the call":
        await sandbox.drop_next(path=command.stripe, method="POST", count=3)  # it never gets there
    await sandbox.hold(command.stripe, method="POST", after_work=not is_early)


@asynccontextmanager
async def _sent(command: Command, settings: Settings, key: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Send the command to a process of its own."""
    if command.name == "expire":
        async with worker_process(settings) as process:
            yield process
        return
    async with (
        api_process(settings) as (process, url),
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client,
    ):
        sending = asyncio.create_task(client.request(command.method, command.path, json=command.body, timeout=30))
        yield process
        with suppress(httpx.TransportError):
            await sending


def _cases() -> list[Any]:
    """Return all cases; every run has each command at the point that hurts most."""
    return [
        pytest.param(
            command,
            point,
            id=f"{command.name} {point}",
            marks=[] if point == "after the call" and command.name not in SELDOM else [pytest.mark.slow],
        )
        for command in COMMANDS
        for point in POINTS
    ]


@pytest.mark.parametrize(("command", "point"), _cases())
async def test_killed_at_any_point_the_same_again_ends_right(
    sandbox: SandboxClient,
    api: httpx.AsyncClient,
    new_key: NewKey,
    resources: Resources,
    database: Database,
    jobs: Jobs,
    command: Command,
    point: Point,
) -> None:
    await _prepare(command, api, sandbox, resources, database)
    await _arm(command, point, sandbox)
    stage = Stage(sandbox, database)
    key = await new_key("payments:read", "payments:write")
    async with asyncio.timeout(60):
        async with stage.closed(point), _sent(command, resources.settings, key) as process:
            await stage.kill(process, point)
    await _expire_its_lease_and_job(database)

    if command.name == "expire":
        await recovery.sweep(resources)
        await jobs()
    else:
        again = await api.request(command.method, command.path, json=command.body)
        assert again.is_success, again.text
    await sandbox.wait_idle()
    await _ends_right(command, api, sandbox)


async def test_killed_while_it_confirms_the_same_again_is_the_same_attempt(
    sandbox: SandboxClient, api: httpx.AsyncClient, new_key: NewKey, resources: Resources, database: Database
) -> None:
    confirm = {"confirmation_token": await confirmation_token(sandbox), "amount": 1000, "return_url": MUG["return_url"]}
    command = Command("confirm", "POST", f"{CART}/confirm", "/v1/payment_intents/*/confirm", confirm)
    await _prepare(command, api, sandbox, resources, database)
    await sandbox.lose_webhooks()
    await _arm(command, "after the call", sandbox)
    key = await new_key("payments:read", "payments:write")
    async with asyncio.timeout(60), _sent(command, resources.settings, key) as process:
        await Stage(sandbox, database).kill(process, "after the call")
    await _expire_its_lease_and_job(database)
    again = await api.post(command.path, json=confirm)
    assert (again.status_code, again.json()["status"]) == (200, "succeeded")
    assert len(await sandbox.objects("charge")) == 1


async def _expire_its_lease_and_job(database: Database) -> None:
    """Expire the lease and the job of the dead process."""
    await database.age(timedelta(minutes=1), LEASE)
    await database.drop_picked_jobs()


async def _ends_right(command: Command, api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    """Look at both sides: one PaymentIntent, in the state that the command wanted."""
    if "session" in command.name:
        await _session_ends_right(command, api, sandbox)
        return
    [intent] = await sandbox.objects("payment_intents")
    state = (await api.get(CART)).json()
    seen = (intent["status"], intent["amount"], intent["amount_received"])
    assert seen == (state["status"], state["amount"], state["amount_received"])
    assert (
        seen
        == {
            "create": ("requires_payment_method", 1000, 0),
            "update": ("requires_payment_method", 2000, 0),
            "cancel": ("canceled", 1000, 0),
            "capture": ("succeeded", 1000, 600),
            "expire": ("canceled", 1000, 0),
        }[command.name]
    )
    if command.name in {"create", "update"}:
        assert state["is_synced"]


async def _session_ends_right(command: Command, api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    """Look at both sides: of both channels together, what the command wanted and nothing else to pay."""
    sessions = [each["status"] for each in await sandbox.objects("checkout.session")]
    intents = [each["status"] for each in await sandbox.objects("payment_intent")]
    assert (sessions, intents) == {
        "open a session": (["open"], []),
        "expire a session": (["expired"], []),
        "change to a session": (["open"], ["canceled"]),
        "change from a session": (["expired"], ["requires_payment_method"]),
    }[command.name]
    state = (await api.get(CART)).json()
    assert state["is_synced"] or command.name == "expire a session"
    assert state["channel"] == ("payment_intent" if command.name == "change from a session" else "checkout_session")
