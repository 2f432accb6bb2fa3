"""What is known of a Checkout Session whose last request was lost, and what a refusal says of it."""

from dataclasses import replace

import pytest

from app.payment_intents.protocol.checkout import ELEMENTS, HOSTED, CheckoutTerms, LineItem
from app.payment_intents.protocol.record import record_answer
from app.payment_intents.protocol.state import ReferenceState
from app.payment_intents.protocol.steps import (
    Answer,
    Answered,
    Call,
    CancelCall,
    Refused,
    RetrieveCall,
    Step,
    UpdateCall,
)
from app.payment_intents.protocol.stripe_params import create_params
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    PaymentTerms,
    StripeMetadata,
)
from app.stripe_gateway import CheckoutSessionSnapshot
from tests.payment_intents.protocol.values import ACTOR, AGREED, CART, CONTEXT, ID, NOW, RUN, SECOND, TEN, TOKEN

MARKS = StripeMetadata("test", ID, CART)
URL = "https://shop.example"
RETRIEVE = RetrieveCall("cs_1", NOW, is_checkout=True)


def _selling(name: str, ui_mode: str = ELEMENTS) -> PaymentTerms:
    return replace(TEN, checkout=CheckoutTerms(ui_mode, URL, (LineItem(name, 1000),)))


MUG = _selling("Mug")


def _session(revision: int) -> CheckoutSessionSnapshot:
    """An open session over ten euros, as Stripe shows it once it has this request."""
    metadata = MARKS.of_request(MUG, revision)
    times = {"created": int(NOW.timestamp()), "expires_at": int(NOW.timestamp()) + 3600}
    state = {"status": "open", "payment_status": "unpaid", "ui_mode": ELEMENTS, "return_url": URL}
    price = {"amount_total": 1000, "currency": "eur"}
    return CheckoutSessionSnapshot.parse({"id": "cs_1", "metadata": metadata, **times, **state, **price})


def _next(requested: PaymentTerms, call: Call, answer: Answer) -> Step:
    """Return the next step of a run that holds the lease of an open session, opened by the first request."""
    row = AGREED._replace(
        create_params=create_params(MUG, 1, MARKS),
        requested_terms=requested,
        revision=3,
        is_checkout=True,
        stripe_id=None,
        checkout_id="cs_1",
        applied_terms=AppliedTerms(MUG, 1),
        lease_token=TOKEN,
        lease_until=NOW + SECOND,
    )
    state = ReferenceState(CART, 1, next_generation=2, payment_intents=(row,))
    run = RUN._replace(about=ID, revision=3)
    return record_answer(state, run, call, answer, CONTEXT, ACTOR).step


@pytest.mark.parametrize(
    ("requested", "expected"),
    [(TEN, CancelCall), (_selling("Mug", HOSTED), CancelCall), (_selling("Cup"), UpdateCall)],
    ids=["without a session", "on Stripe's page", "for something else"],
)
def test_what_a_lost_request_left_is_not_taken_for_the_newest_of_the_same_price(
    requested: PaymentTerms, expected: type[Call]
) -> None:
    assert isinstance(_next(requested, RETRIEVE, Answered(_session(revision=2))), expected)


def test_an_update_is_refused_when_the_session_was_paid_so_that_is_looked_at() -> None:
    update = UpdateCall("cs_1", {}, "key", is_checkout=True)
    assert isinstance(_next(_selling("Cup"), update, Refused()), RetrieveCall)
