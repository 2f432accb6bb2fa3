"""Assembles the sandbox; nothing else does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from sandbox import (
    balance,
    charges,
    confirmation_tokens,
    customers,
    disputes,
    events,
    merchant,
    payment_methods,
    refunds,
)
from sandbox.account import Account
from sandbox.api.cors import Preflight
from sandbox.api.endpoint import Endpoint
from sandbox.api.operation import Routes
from sandbox.api.wire import expose_transport
from sandbox.browser.checkout import checkout_routes
from sandbox.browser.elements import elements_routes
from sandbox.browser.method_pages import method_routes
from sandbox.browser.routes import browser_routes
from sandbox.checkout import sessions
from sandbox.config import SandboxConfig
from sandbox.control_api.routes import control_routes
from sandbox.methods import transfer
from sandbox.payment_intents import operations as payment_intents
from sandbox.timers import run_due
from sandbox.webhooks import endpoints
from sandbox.webhooks.sender import Sender

OPERATIONS = (
    *payment_intents.OPERATIONS,
    *payment_methods.OPERATIONS,
    *confirmation_tokens.OPERATIONS,
    *charges.OPERATIONS,
    *balance.OPERATIONS,
    *refunds.OPERATIONS,
    *disputes.OPERATIONS,
    *customers.OPERATIONS,
    *transfer.OPERATIONS,
    *sessions.OPERATIONS,
    *events.OPERATIONS,
    *endpoints.OPERATIONS,
    *merchant.OPERATIONS,
)


class Sandbox(Starlette):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        expose_transport(scope, send)
        await super().__call__(scope, receive, send)


def create_app(config: SandboxConfig) -> Starlette:
    """Make the app; its state lives as long as it does, and longer with `config.state`."""
    account = Account(config)
    endpoints.configure(account)
    account.commit()
    sender = Sender(account)
    api = Endpoint(account, Routes(OPERATIONS), sender)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await sender.start()
        clockwork = asyncio.create_task(_run_timers(account, sender))
        yield
        clockwork.cancel()
        await sender.stop()
        account.store.close()

    routes: list[BaseRoute] = [
        Mount("/v1", app=Preflight(api)),
        Mount("/v2", app=Preflight(api)),
        *control_routes(account, api, sender),
        *browser_routes(account, sender),
        *checkout_routes(account, sender),
        *method_routes(account, sender),
        *elements_routes(account, sender),
    ]
    return Sandbox(routes=routes, lifespan=lifespan)


async def _run_timers(account: Account, sender: Sender) -> None:
    """Run the due timers a few times a second; each request does so too."""
    while True:
        await asyncio.sleep(0.2)
        run_due(account)
        account.commit()
        sender.wake()
