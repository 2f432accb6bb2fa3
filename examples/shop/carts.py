"""Products with their prices, and the carts. A real shop keeps both in its database; here they are in memory."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

CURRENCY = "eur"
MAX_QUANTITY = 10
MAX_CARTS = 10_000


@dataclass(frozen=True)
class Product:
    id: str
    name: str
    note: str
    unit_price: int
    """In minor units: cents."""


PRODUCTS = {
    product.id: product
    for product in (
        Product("mug", "Stoneware mug", "300 ml", 1800),
        Product("tea", "Loose-leaf tea", "100 g", 650),
    )
}


class CartNotFound(Exception):
    """No cart has this id (any more)."""


class CartEmpty(Exception):
    """There would be nothing left to pay for."""


@dataclass(frozen=True)
class Cart:
    """One state of a cart. `version` rises with each change; it puts the changes in order for the payments API."""

    id: str
    version: int
    quantities: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(PRODUCTS[product].unit_price * quantity for product, quantity in self.quantities.items())


class Carts:
    """The carts, the longest unused dropped first."""

    def __init__(self) -> None:
        self._carts: OrderedDict[str, Cart] = OrderedDict()

    def open(self) -> Cart:
        """Make a cart with one of each product. Its id cannot be guessed: who has it may pay for it."""
        cart = Cart(secrets.token_hex(16), version=1, quantities=dict.fromkeys(PRODUCTS, 1))
        self._carts[cart.id] = cart
        while len(self._carts) > MAX_CARTS:
            self._carts.popitem(last=False)
        return cart

    def get(self, cart_id: str) -> Cart:
        """Raises CartNotFound."""
        if cart_id not in self._carts:
            raise CartNotFound
        self._carts.move_to_end(cart_id)
        return self._carts[cart_id]

    def change(self, cart_id: str, quantities: Mapping[str, int]) -> Cart:
        """Set some quantities; what is not named stays. Raises CartNotFound, CartEmpty."""
        cart = self.get(cart_id)
        wanted = {**cart.quantities, **quantities}
        if wanted == cart.quantities:
            return cart
        if not any(wanted.values()):
            raise CartEmpty
        return self._store(replace(cart, version=cart.version + 1, quantities=wanted))

    def undo(self, refused: Cart, before: Cart) -> None:
        """Take back a change, as a further version, unless the cart has gone on since."""
        if self._carts.get(refused.id) == refused != before:
            self._store(replace(before, version=refused.version + 1))

    def _store(self, cart: Cart) -> Cart:
        self._carts[cart.id] = cart
        return cart
