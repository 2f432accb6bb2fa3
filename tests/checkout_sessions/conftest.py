"""A cart that is paid in a Checkout Session of each mode."""

import pytest

from tests.cart import Cart
from tests.checkout import Checkout


@pytest.fixture(params=["hosted_page", "embedded_page", "elements"])
def each_mode(cart: Cart, request: pytest.FixtureRequest) -> Checkout:
    return Checkout(cart, request.param)
