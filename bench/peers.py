"""The bare samples that the service is held against: the same call or the same read, and no guarantee at all."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import stripe
from fastapi import FastAPI

stripe.enable_telemetry = False


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["DATABASE_URL"].replace("+asyncpg", ""), min_size=10, max_size=10) as pool,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=500)) as session,
    ):
        app.state.pool = pool
        app.state.stripe = stripe.StripeClient(
            os.environ["STRIPE_SECRET_KEY"],
            http_client=stripe.AIOHTTPClient(session=session),
            base_addresses={"api": os.environ["STRIPE_API_BASE"]},
        )
        yield


app = FastAPI(lifespan=_lifespan)


@app.post("/create")
async def create() -> dict[str, Any]:
    """Create a PaymentIntent as Stripe's own samples do."""
    made = await app.state.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    return {"client_secret": made.client_secret}


@app.get("/read/{reference_id}")
async def read(reference_id: str) -> dict[str, Any]:
    """Read the row."""
    query = "SELECT id::text, status, amount, currency FROM payment_intents WHERE reference_id = $1"
    return dict(await app.state.pool.fetchrow(query, reference_id))
