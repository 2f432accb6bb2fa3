from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.shop.cart import Cart
from tests.stack import Stack, stack_of


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    return stack_of(request)


@pytest.fixture
async def stripe(stack: Stack) -> AsyncIterator[SandboxClient]:
    """Give the sandbox with all that other tests did: look only at what is your cart's."""
    async with SandboxClient(stack.sandbox_url) as control:
        yield control


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Give what talks to the shop's backend as its page does."""
    async with httpx.AsyncClient(base_url=stack.shop_url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def cart(shop: httpx.AsyncClient, stripe: SandboxClient) -> Cart:
    """Give a new cart, with one of each product."""
    answer = await shop.get("/")
    return Cart(answer.headers["location"], shop, stripe)
