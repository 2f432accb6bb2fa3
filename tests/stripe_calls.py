"""Calls to Stripe with a secret key that a test makes itself, beside the service."""

from typing import Any

import httpx

from sandbox.client import SandboxClient
from sandbox.control_connection import flat

Json = dict[str, Any]

CARD: Json = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}}


async def call(sandbox: SandboxClient, path: str, **params: Any) -> Json:
    """Create what this path is for; return it."""
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as stripe:
        headers = {"Authorization": "Bearer sk_test_service"}
        answer = await stripe.post(path, data=flat(params), headers=headers)
        assert answer.is_success, answer.text
        made: Json = answer.json()
    return made


async def customer(sandbox: SandboxClient) -> str:
    return str((await call(sandbox, "/v1/customers", email="ada@example.com"))["id"])


async def confirmation_token(sandbox: SandboxClient, number: str = "4242424242424242") -> str:
    """Return the token of a card, as the page's script makes it."""
    data = {"type": "card", "card": CARD["card"] | {"number": number}}
    made = await call(sandbox, "/v1/test_helpers/confirmation_tokens", payment_method_data=data)
    return str(made["id"])
