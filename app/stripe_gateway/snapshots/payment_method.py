"""The payment method, as a Charge or a failure shows it."""

from dataclasses import dataclass

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.read import Json


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """The payment method, as far as it may be shown. `three_d_secure` is the result, if 3DS ran."""

    type: str | None
    card_brand: str | None
    card_last4: str | None
    card_country: str | None
    card_wallet: str | None
    three_d_secure: str | None

    @classmethod
    def parse(cls, details: Json) -> "PaymentMethod":
        card = read.nested(details, "card")
        return cls(
            type=read.word(details.get("type")),
            card_brand=read.word(card.get("brand")),
            card_last4=read.word(card.get("last4")),
            card_country=read.word(card.get("country")),
            card_wallet=read.word(read.nested(card, "wallet").get("type")),
            three_d_secure=read.word(read.nested(card, "three_d_secure").get("result")),
        )
