"""The service, PostgreSQL and the sandbox as one world that a test can act in, and look at from all sides.

It lives in an event loop of its own thread, which goes on between two steps: webhooks come when they come.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx

from app.auth import api_keys
from app.errors import PaymentsError
from app.payment_intents import recovery
from app.resources import Resources, open_resources
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import empty, serving
from tests.database import CREATED, LAST_ACTIVITY, LEASE, MOMENTS, RECHECK, UPDATED, open_database

T = TypeVar("T")

LIVE = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "processing", "requires_capture"}
)
FREE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


@dataclass(slots=True)
class Row:
    """A PaymentIntent as our database has it."""

    id: str
    reference: str
    generation: int
    stripe_id: str | None
    status: str | None
    amount: int | None
    requested: int
    is_closed: bool
    closed_reason: str | None


@dataclass(slots=True)
class Owed:
    """What a reference may owe: its newest accepted amount, or one whose outcome we were never told since."""

    amounts: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)

    def hear(self, answers: list[tuple[int, int]]) -> None:
        """Take the answers (amount, status) to PUTs that were sent at once."""
        accepted = {amount for amount, status in answers if status in {200, 201}}
        unknown = {amount for amount, status in answers if status == httpx.codes.SERVICE_UNAVAILABLE}
        refused = len(answers) > len(accepted) + len(unknown)
        self.unknown |= unknown
        self.amounts = (accepted or self.amounts) | unknown
        if refused or len(answers) > 1:  # what is given up goes back to what Stripe holds, which may be one of those
            self.amounts |= self.unknown


class World:
    """One cart and two sessions, a shopper, a merchant, and a network that fails."""

    def __init__(self, settings: Settings, listener: socket.socket, sandbox_url: str) -> None:
        self._settings = settings
        self._listener = listener
        self._sandbox_url = sandbox_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()
        self.resources: Resources
        self.sandbox: SandboxClient
        self.api: httpx.AsyncClient

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)

    async def _open(self) -> None:
        self.resources = await self._stack.enter_async_context(open_resources(self._settings))
        self.sandbox = await self._stack.enter_async_context(SandboxClient(self._sandbox_url))
        await self._stack.enter_async_context(serving(self._settings, self._listener))
        url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)
        self.api = await self._stack.enter_async_context(client)

    async def begin_anew(self) -> None:
        """Forget all that was, here and at Stripe."""
        await self.calm_down()
        await self.sandbox.reset()
        await empty(self.resources)
        scopes = ("payments:read", "payments:write")
        key = await api_keys.create(self.resources.database, client="shop", scopes=scopes)
        self.api.headers["Authorization"] = f"Bearer {key.secret}"

    async def calm_down(self) -> None:
        """Take all faults back, let what was held land, and deliver what is pending."""
        await self.sandbox.clear_faults()
        while await self.sandbox.held():
            await asyncio.sleep(0.01)
        await self.sandbox.restore_webhooks()
        await self.sandbox.wait_idle(timeout=30)

    # What is there.

    async def rows(self) -> list[Row]:
        query = (
            "SELECT id::text, reference_kind || ':' || reference_id, generation, stripe_id, status, amount,"
            " CAST(requested_terms->>'amount' AS bigint), closed_at IS NOT NULL, closed_reason"
            " FROM payment_intents ORDER BY 2, generation"
        )
        return [Row(*row.values()) for row in await self.resources.database.fetch(query)]

    async def at_stripe(self) -> list[dict[str, Any]]:
        return await self.sandbox.objects("payment_intents")

    async def shown(self, reference: str) -> Row | None:
        """Give the reference's newest PaymentIntent."""
        return next((row for row in reversed(await self.rows()) if row.reference == reference), None)

    # What time and jobs do.

    async def work(self) -> None:
        """Do the queued jobs and those that they queue; one that fails is dropped, as the worker does."""
        for _ in range(20):
            taken = await self.resources.database.fetch("DELETE FROM pgqueuer RETURNING payload")
            todo = [UUID(json.loads(row["payload"])["payment_intent_id"]) for row in taken]
            if not todo:
                return
            await asyncio.gather(*(self._work(payment_intent_id) for payment_intent_id in todo))

    async def _work(self, payment_intent_id: UUID) -> None:
        with suppress(PaymentsError):
            await recovery.recover(self.resources, payment_intent_id)

    async def sweep(self) -> None:
        await recovery.sweep(self.resources)
        await self.work()

    async def pass_time(self, by: timedelta) -> None:
        """Let time pass at Stripe and here, and nobody does anything meanwhile."""
        await self._age(by, *MOMENTS, CREATED)
        await self.sandbox.age(by.total_seconds())

    async def _age(self, by: timedelta, *moments: str) -> None:
        async with open_database(self._settings.database_url.get_secret_value()) as database:
            await database.age(by, *moments)

    async def settle(self) -> None:
        """Let the faults end and the sweep come a few times; nobody asks for anything new."""
        await self.calm_down()
        for _ in range(3):
            await self.work()
            await self._age(timedelta(hours=2), UPDATED, LEASE, RECHECK)
            await self._age(timedelta(minutes=1), LAST_ACTIVITY)  # whoever asked is gone
            await self.sweep()
            await self.sandbox.wait_idle(timeout=30)
        await self.work()
