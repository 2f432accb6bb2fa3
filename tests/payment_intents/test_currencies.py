"""An amount is shown as a person writes it, also where Stripe's minor units are not the currency's own."""

import pytest

from app.payment_intents.currencies import CURRENCIES, NO_DECIMALS, THREE_DECIMALS, WHOLE, display
from tests.cart import Cart


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1999, "eur", "EUR 19.99"),
        (5, "usd", "USD 0.05"),
        (1999, "jpy", "JPY 1999"),
        (2000, "isk", "ISK 20"),
        (2050, "isk", "ISK 20.50"),
        (500, "ugx", "UGX 5"),
        (5120, "kwd", "KWD 5.120"),
        (100_000, "huf", "HUF 1000.00"),
    ],
    ids=str,
)
def test_an_amount_is_shown_in_major_units(amount: int, currency: str, shown: str) -> None:
    assert display(amount, currency) == shown


def test_every_exception_is_a_currency() -> None:
    assert CURRENCIES >= NO_DECIMALS | THREE_DECIMALS | WHOLE


async def test_a_put_and_a_read_show_a_mistake_at_first_look(cart: Cart) -> None:
    put = await cart.owe(amount=200_000, currency="isk")
    await cart.another("/v1/carts/c2").owe(amount=1999)
    assert put["amount_display"] == (await cart.state())["amount_display"] == "ISK 2000"
    assert (await cart.another("/v1/carts/c2").state())["amount_display"] == "EUR 19.99"
