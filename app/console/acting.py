"""Do what a person asks for: note it, with the person as the actor, then go the way that every API call goes.

The key was made with the form. However often the form is sent, at once or after a crash, one thing is done: what is
noted already is not noted again, and the service that does it knows its key.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

import asyncpg
import structlog

from app.auth.person import Person
from app.auth.scopes import Role
from app.console import action_log
from app.console.action_log import CONSOLE_ACTIONS, CONSOLE_REFUND_TOTALS, Action
from app.console.errors import ActionChanged, ActionFailed, RefundLimitExceeded, RoleRequired
from app.console.pages import money
from app.errors import PaymentsError, Unavailable
from app.notifications import repository as endpoints
from app.notifications import service as notifications
from app.notifications.errors import DeliveryNotFound
from app.payment_intents import recovery
from app.payment_intents.cancel import cancel
from app.payment_intents.capture import capture
from app.payment_intents.changes import change_one
from app.payment_intents.protocol.events import ActionRequested, PersonsAction, PersonsReason
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import CancelRequest, CaptureRequest
from app.payment_intents.schemas import PaymentIntentRead
from app.reconcile import sync
from app.refunds import repository as refund_rows
from app.refunds import service as refunds
from app.refunds.refund import FREED
from app.refunds.schemas import RefundCreate
from app.resources import Resources
from app.settings import RefundLimit

log = structlog.get_logger()

NEEDED: dict[PersonsAction, Role] = {
    "refund": "refunder",
    "cancel": "operator",
    "capture": "operator",
    "ask_stripe": "operator",
    "mark_seen": "refunder",
    "redeliver": "operator",
}

# Stripe's own words among our reasons; it takes no others.
REASONS_AT_STRIPE = frozenset({"requested_by_customer", "duplicate", "fraudulent"})


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for, with the key of the form that they filled in; amounts in minor units."""

    key: UUID
    action: PersonsAction
    reason: PersonsReason
    note: str | None = None
    amount: int | None = None
    target: str | None = None

    def fingerprint(self, person: Person, payment_intent_id: UUID) -> str:
        """Return what tells this order from another under the same key."""
        asked = [person.subject, str(payment_intent_id), self.action, self.reason, self.note, self.amount]
        asked += [self.target] if self.target is not None else []
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    @property
    def reason_at_stripe(self) -> str | None:
        return self.reason if self.reason in REASONS_AT_STRIPE else None


def limit_of(resources: Resources, person: Person, currency: str) -> RefundLimit | None:
    """Return what the person may refund in a currency; None without a limit."""
    if person.may("operator"):
        return None
    limits = resources.settings.console_refund_limits
    return next((each for each in limits if each.currency == currency), RefundLimit(currency, 0, 0))


async def act(resources: Resources, person: Person, payment: PaymentIntentRead, order: Order) -> None:
    """Note the order and carry it out.

    Raises RoleRequired, RefundLimitExceeded, ActionChanged (nothing is done then), what the action's own service
    raises, or Unavailable: then the same form may be sent again.
    """
    if not person.may(NEEDED[order.action]):
        raise RoleRequired
    action = await _note(resources, person, payment, order)
    if action.outcome == "done":
        return
    if action.outcome is not None:
        raise ActionFailed(f"This form was sent before, and nothing was done ({action.outcome}). Fill in a new one.")
    try:
        await _carry_out(resources, person, payment, order)
    except PaymentsError as error:
        if not await _may_be_done(resources, person, order, error):
            await action_log.fail(resources.database, order.key, error.code)
        raise
    await action_log.finish(resources.database, order.key)
    log.info("console.acted", action=order.action, action_id=str(order.key), payment_intent_id=str(payment.id))


async def _may_be_done(resources: Resources, person: Person, order: Order, error: PaymentsError) -> bool:
    """Whether it may still happen although it failed here; the same form finds out."""
    if isinstance(error, Unavailable):
        return True
    refund = await refund_rows.find_by_key(resources.database, person.client, str(order.key))
    return refund is not None and refund.status not in FREED


async def _note(resources: Resources, person: Person, payment: PaymentIntentRead, order: Order) -> Action:
    """Note the order and tell it, once, within the person's limits."""
    currency = payment.currency if order.amount is not None else None
    limit = limit_of(resources, person, currency) if currency and order.action == "refund" else None
    wanted = Action(
        id=order.key,
        payment_intent_id=payment.id,
        action=order.action,
        fingerprint=order.fingerprint(person, payment.id),
        subject=person.subject,
        name=person.name,
        amount=order.amount,
        currency=currency,
        reason=order.reason,
        note=order.note,
        day_limit=limit.a_day if limit else None,
    )

    async def decide(change: Change, row: PaymentIntentState) -> Action:
        known = await action_log.find(resources.database, order.key)
        if known is not None:
            return _same(known, wanted)
        if limit is not None and (order.amount or 0) > limit.each:
            raise RefundLimitExceeded(f"You may refund {money(limit.each, currency)} at once; an operator may do more.")
        return _noted(change, row, wanted, order)

    try:
        return await change_one(resources, payment.id, Actor(person.actor), decide)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "ck_console_refund_totals_day_limit" or limit is None:
            raise
        day_limit = money(limit.a_day, currency)
        raise RefundLimitExceeded(f"That is more than is left of the {day_limit} that you may refund today.") from None


def _same(known: Action, wanted: Action) -> Action:
    if known.fingerprint != wanted.fingerprint:
        raise ActionChanged
    return known


def _noted(change: Change, row: PaymentIntentState, wanted: Action, order: Order) -> Action:
    stored = action_log.row_of(wanted)
    change.append(row, ActionRequested(order.key, order.action, order.reason, wanted.amount, wanted.currency))
    change.touch(change.state.get(row.id) or row)
    if wanted.day_limit is not None:
        stored = {**stored, "limited_on": change.now.astimezone(UTC).date()}
    change.save(CONSOLE_ACTIONS, order.key, stored)
    if wanted.day_limit is not None:
        change.save(CONSOLE_REFUND_TOTALS, order.key, {})
    return wanted


async def _carry_out(resources: Resources, person: Person, payment: PaymentIntentRead, order: Order) -> None:
    reference, name = Reference(payment.reference.kind, payment.reference.id), str(payment.id)
    match order.action:
        case "refund":
            refund = {"amount": order.amount, "reason": order.reason_at_stripe, "payment_intent": name}
            params = RefundCreate.model_validate(refund)
            await refunds.create_refund(resources, reference, params, key=str(order.key), caller=person)
        case "cancel":
            canceled = CancelRequest.model_validate({"payment_intent": name, "reason": order.reason_at_stripe})
            await cancel(resources, reference, canceled, person)
        case "capture":
            captured = CaptureRequest(payment_intent=name, amount=order.amount)
            await capture(resources, reference, captured, person)
        case "ask_stripe":
            await recovery.refresh(resources, payment.id)
            await sync.sync_related(resources, payment.id)
        case "redeliver":
            await _redeliver(resources, person, reference, order)
        case "mark_seen":
            pass  # that it is noted is all


async def _redeliver(resources: Resources, person: Person, reference: Reference, order: Order) -> None:
    """Send a notification of this cart or session again; it has the same id. Raises DeliveryNotFound."""
    endpoint_id, _, delivery_id = (order.target or "").partition(":")
    row = await endpoints.get_delivery(resources.database, UUID(endpoint_id), int(delivery_id))
    if row is None or (row["reference_kind"], row["reference_id"]) != (reference.kind, reference.id):
        raise DeliveryNotFound
    await notifications.redeliver(resources, UUID(endpoint_id), int(delivery_id), person)
