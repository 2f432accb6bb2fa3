"""What the service is compared with: Stripe's own samples, without any of the service's guarantees.

`/create` makes a PaymentIntent and stores nothing; the others store one row, or read one.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import stripe
from fastapi import FastAPI, Request
from pydantic import BaseModel

TABLES = """
CREATE TABLE cart_intents (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, cart_id text NOT NULL, intent_id text NOT NULL,
  amount bigint NOT NULL, currency text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON cart_intents (cart_id);
CREATE TABLE stripe_events (id text PRIMARY KEY, type text NOT NULL, received_at timestamptz NOT NULL DEFAULT now());
INSERT INTO cart_intents (cart_id, intent_id, amount, currency)
  SELECT 'cart-' || n, 'pi_' || n, 1000, 'eur' FROM generate_series(1, 500) n;
"""
READ = "SELECT cart_id, intent_id, amount, currency FROM cart_intents WHERE cart_id = $1 ORDER BY id DESC LIMIT 1"
STORE = "INSERT INTO stripe_events (id, type) VALUES ($1, $2) ON CONFLICT DO NOTHING"

stripe.enable_telemetry = False


class Cart(BaseModel):
    cart_id: str
    amount: int
    currency: str


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=500)) as session,
    ):
        await pool.execute(TABLES)
        app.state.pool = pool
        app.state.stripe = stripe.StripeClient(
            os.environ["STRIPE_SECRET_KEY"],
            http_client=stripe.AIOHTTPClient(session=session),
            base_addresses={"api": os.environ["STRIPE_API_BASE"]},
        )
        yield


app = FastAPI(lifespan=_lifespan)


@app.post("/create")
async def create(cart: Cart) -> dict[str, Any]:
    """Create a PaymentIntent, as the sample does."""
    made = await app.state.stripe.v1.payment_intents.create_async(
        {
            "amount": cart.amount,
            "currency": cart.currency,
            "automatic_payment_methods": {"enabled": True},
            "metadata": {"cart_id": cart.cart_id},
        }
    )
    return {"client_secret": made.client_secret}


@app.get("/carts/{cart_id}")
async def read(cart_id: str) -> dict[str, Any]:
    """Read one row."""
    return dict(await app.state.pool.fetchrow(READ, cart_id))


@app.post("/webhook")
async def receive(request: Request) -> dict[str, bool]:
    """Verify the signature and store the event's id, nothing else."""
    body, proof = await request.body(), request.headers["stripe-signature"]
    event = app.state.stripe.construct_event(body, proof, os.environ["STRIPE_WEBHOOK_SECRET"])
    await app.state.pool.execute(STORE, event.id, event.type)
    return {"received": True}
