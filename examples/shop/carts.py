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
    """The change would leave nothing to pay for."""


@dataclass(frozen=True)
class Cart:
    """One state of a cart. `version` rises with each change, so that the payments API knows their order."""

    id: str
    version: int
    quantities: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(PRODUCTS[product].unit_price * quantity for product, quantity in self.quantities.items())


class Carts:
    """The carts in memory. The one that was not used for the longest time is dropped first."""

    def __init__(self) -> None:
        self._carts: OrderedDict[str, Cart] = OrderedDict()

    def open(self) -> Cart:
        """Make a cart with one of each product. Its id cannot be guessed: whoever has it may pay for it."""
        cart = Cart(secrets.token_hex(16), version=1, quantities=dict.fromkeys(PRODUCTS, 1))
        self._carts[cart.id] = cart
        while len(self._carts) > MAX_CARTS:
            self._carts.popitem(last=False)
        return cart

    def get(self, cart_id: str) -> Cart:
        """Return the cart. Raises CartNotFound."""
        if cart_id not in self._carts:
            raise CartNotFound
        self._carts.move_to_end(cart_id)
        return self._carts[cart_id]

    def change(self, cart_id: str, quantities: Mapping[str, int]) -> Cart:
        """Set some quantities; the others stay. Raises CartNotFound, CartEmpty."""
        cart = self.get(cart_id)
        changed = {**cart.quantities, **quantities}
        if changed == cart.quantities:
            return cart
        if not any(changed.values()):
            raise CartEmpty
        return self._store(replace(cart, version=cart.version + 1, quantities=changed))

    def undo(self, refused: Cart, before: Cart) -> None:
        """Undo a change, as a further version, unless the cart has changed again since."""
        is_unchanged_since = self._carts.get(refused.id) == refused
        if is_unchanged_since and refused != before:
            self._store(replace(before, version=refused.version + 1))

    def _store(self, cart: Cart) -> Cart:
        self._carts[cart.id] = cart
        return cart
