"""Connections that the database ends."""

import asyncio

import httpx

from app.db.engine import FRESH_SECONDS
from sandbox.client import SandboxClient
from tests.database import Database


async def test_a_restarted_database_costs_no_error(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await api.put("/v1/carts/c1/payment-intent", json={"amount": 1000, "currency": "eur"})
    assert await database.end_connections_of_service() > 0
    await asyncio.sleep(FRESH_SECONDS)
    answer = await api.get("/v1/carts/c1/payment-intent")
    assert answer.status_code == 200
