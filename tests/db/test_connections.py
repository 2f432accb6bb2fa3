"""Connections that the database ends."""

import asyncio

import httpx
from sqlalchemy import text

from app.db.engine import FRESH_SECONDS
from app.resources import Resources
from sandbox.client import SandboxClient


async def test_a_restarted_database_costs_no_error(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources
) -> None:
    await api.put("/v1/carts/c1/payment-intent", json={"amount": 1000, "currency": "eur"})
    async with resources.sessions() as session:
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'payments' AND pid <> pg_backend_pid()"
        )
        assert list(await session.scalars(text(ended)))
    await asyncio.sleep(FRESH_SECONDS)
    answer = await api.get("/v1/carts/c1/payment-intent")
    assert answer.status_code == 200
