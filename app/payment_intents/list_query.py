"""The filters of a list of PaymentIntents, as the query of a URL has them."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from app.http.pagination import EARLIEST, LATEST
from app.http.rules import rule
from app.payment_intents.listing import Filters, Range
from app.payment_intents.protocol.events import Flag
from app.payment_intents.requests import MAX_AMOUNT, Currency, CustomerId
from app.references.path import ReferenceName, reference_named

Status = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
]


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("is not a time that a payment can have")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]


class PaymentIntentFilters(BaseModel):
    """What all PaymentIntents of the list have in common."""

    status: Status | None = Field(None, description="Stripe's status.")
    flag: Flag | None = Field(None, description="What a person should check.")
    reference: ReferenceName | None = None
    customer: CustomerId | None = None
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)] | None = Field(
        None, description="The amount at Stripe, in minor units."
    )
    currency: Currency | None = None
    card_last4: Annotated[str, StringConstraints(pattern=rule(r"^[0-9]{4}$", "four digits"))] | None = Field(
        None, description="The last four digits of a card that somebody tried to pay with.", examples=["4242"]
    )
    created_from: Moment | None = Field(None, description="Made at this time or later.")
    created_to: Moment | None = Field(None, description="Made before this time.")
    paid_from: Moment | None = Field(
        None, description="Paid at this time or later; the list is in the order of payment."
    )
    paid_to: Moment | None = Field(None, description="Paid before this time; the list is in the order of payment.")

    def filters(self) -> Filters:
        return Filters(
            status=self.status,
            flag=self.flag,
            reference=reference_named(self.reference) if self.reference else None,
            customer=self.customer,
            amount=self.amount,
            currency=self.currency,
            card_last4=self.card_last4,
            created=Range(self.created_from, self.created_to),
            paid=Range(self.paid_from, self.paid_to),
        )
