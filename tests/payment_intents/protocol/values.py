"""A cart that agrees with Stripe, as values, and what the tests of the protocol do to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.payment_intents.protocol.commands import (
    Command,
    decide,
)
from app.payment_intents.protocol.decide import Decision
from app.payment_intents.protocol.record import record_answer
from app.payment_intents.protocol.state import (
    Actor,
    Context,
    PaymentIntentState,
    ProtocolConfig,
    ReferenceState,
)
from app.payment_intents.protocol.steps import (
    Answer,
    Call,
    ConvergeRun,
    CreateCall,
    RetrieveCall,
    UpdateCall,
)
from app.payment_intents.protocol.stripe_params import create_params
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    PaymentTerms,
    Reference,
    StripeMetadata,
)
from app.stripe_gateway import PaymentIntentSnapshot

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CONFIG = ProtocolConfig(
    "test", lease=15 * SECOND, send_within=SECOND, longest_wait=20 * SECOND, longest_request=45 * SECOND
)
ID, NEXT_ID, TOKEN, OTHER = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
CONTEXT = Context(CONFIG, NOW, NEXT_ID, UUID(int=5), frozenset({"pi_1"}))
ACTOR = Actor("test")
CART = Reference("cart", "c1")
RUN = ConvergeRun(TOKEN)

TEN, TWENTY = PaymentTerms(1000, "eur"), PaymentTerms(2000, "eur")
NOTE = replace(TEN, description="x")

AGREED = PaymentIntentState(
    id=ID,
    reference=CART,
    generation=1,
    create_params=create_params(TEN, 1, StripeMetadata("test", ID, CART)),
    requested_terms=TEN,
    revision=1,
    created_at=NOW,
    updated_at=NOW,
    last_activity_at=NOW - 2 * MINUTE,
    stripe_id="pi_1",
    applied_terms=AppliedTerms(TEN, 1),
    status="requires_payment_method",
    amount=1000,
    currency="eur",
)

Changes = dict[str, Any]
NOT_CREATED: Changes = {"stripe_id": None, "status": None, "applied_terms": None}
LEASED: Changes = {"lease_token": OTHER, "lease_until": NOW + SECOND}
LEFT: Changes = {"lease_token": OTHER, "lease_until": NOW - SECOND}
HELD: Changes = {"status": "requires_capture", "amount_capturable": 1000}
CLOSED: Changes = {"status": "canceled", "closed_at": NOW, "closed_reason": "canceled"}
SURPLUS: Changes = {"closed_at": NOW, "closed_reason": "surplus"}
REFUSED: Changes = NOT_CREATED | {"closed_at": NOW, "closed_reason": "refused"}


def state_of(**changes: Any) -> ReferenceState:
    """Return a cart that agrees with Stripe, its PaymentIntent changed as said."""
    return ReferenceState(CART, 1, next_generation=2, payment_intents=(AGREED._replace(**changes),))


def newest_of(decision: Decision) -> PaymentIntentState:
    row = decision.change.state.newest
    assert row is not None
    return row


def decide_on(command: Command, run: ConvergeRun = RUN, **changes: Any) -> Decision:
    return decide(state_of(**changes), command, run, CONTEXT, ACTOR)


SNAPSHOT = PaymentIntentSnapshot(
    id="pi_1",
    status="requires_payment_method",
    amount=1000,
    currency="eur",
    amount_received=0,
    amount_capturable=0,
    metadata={"revision": "1", "reference_kind": "cart", "reference_id": "c1"},
    latest_charge_id=None,
    last_payment_error=None,
    cancellation_reason=None,
    fields={},
    created=NOW,
)
CHALLENGED = replace(SNAPSHOT, status="requires_action", amount=2000)
RETRIEVE = RetrieveCall("pi_1", NOW)
UPDATE, CREATE = UpdateCall("pi_1", {}, "key"), CreateCall("{}", "key")


def record(answer: Answer, call: Call = RETRIEVE, run: Changes | None = None, **changes: Any) -> Decision:
    """Record the end of a call of a run that holds the lease, unless the changes say otherwise."""
    mine = {"lease_token": TOKEN, "lease_until": NOW + SECOND, "version": 3} | changes
    learnt: Changes = {"about": ID, "version": 3, "calls": 6} | (run or {})  # it makes no call after this
    return record_answer(state_of(**mine), ConvergeRun(TOKEN, **learnt), call, answer, CONTEXT, ACTOR)
