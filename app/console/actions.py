"""The forms with which people act: fill in, look at what Stripe will be asked, confirm."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.responses import Response
from uuid_utils.compat import uuid4

from app.console import action_log
from app.console.access import Refunder
from app.console.acting import NEEDED, Order, act, limit_of
from app.console.errors import MalformedForm, RoleRequired
from app.console.forms import read_form
from app.console.pages import go_to, money, render
from app.console.route import ConsoleRoute
from app.console.sessions import Session
from app.payment_intents import service as payment_intents
from app.payment_intents.currencies import decimals_of
from app.payment_intents.protocol.events import PersonsAction, PersonsReason
from app.payment_intents.requests import MAX_AMOUNT
from app.payment_intents.schemas import PaymentIntentRead
from app.resources import Resources, ResourcesDependency

router = APIRouter(prefix="/console/payments", route_class=ConsoleRoute, include_in_schema=False)

MAX_NOTE = 500

REASONS: dict[PersonsReason, str] = {
    "requested_by_customer": "The customer asked for it",
    "returned": "The goods came back",
    "not_delivered": "The goods did not arrive",
    "duplicate": "It was paid twice",
    "wrong_amount": "The amount is wrong",
    "agreed": "It was agreed with the customer",
    "fraudulent": "It is a fraud",
    "other": "Another reason",
}
TITLES: dict[PersonsAction, str] = {
    "refund": "Refund",
    "capture": "Capture",
    "cancel": "Cancel",
    "ask_stripe": "Ask Stripe now",
    "mark_seen": "Nothing more to do",
    "redeliver": "Send a notification again",
}
TARGET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9]{1,18}")

PaymentIntentId = Annotated[UUID, Path()]
ActionName = Annotated[PersonsAction, Path()]
AMOUNT = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,3})?")


def possible_actions(payment: PaymentIntentRead, session: Session) -> list[tuple[PersonsAction, str]]:
    """Return what this person may do with a payment as it stands."""
    can: dict[PersonsAction, bool] = {
        "refund": payment.status == "succeeded" and payment.amount_refundable > 0,
        "capture": payment.status == "requires_capture" and payment.closed_at is None,
        "cancel": payment.closed_at is None and payment.status not in {"succeeded", "processing", "canceled"},
        "ask_stripe": payment.stripe_id is not None or payment.checkout is not None,
        "redeliver": False,  # offered beside each delivery
        "mark_seen": bool(payment.flags) or payment.is_price_refused,
    }
    return [(action, TITLES[action]) for action in TITLES if can[action] and session.person.may(NEEDED[action])]


@router.get("/{payment_intent_id:uuid}/{action}")
async def show_form(
    request: Request,
    payment_intent_id: PaymentIntentId,
    action: ActionName,
    session: Refunder,
    resources: ResourcesDependency,
) -> Response:
    """Show the form of an action, with a key of its own."""
    payment = await _payment_for(resources, session, payment_intent_id, action)
    fields = {"key": str(uuid4()), "target": request.query_params.get("target", "")}
    return await _form(request, session, resources, payment, action, fields)


@router.post("/{payment_intent_id:uuid}/{action}")
async def send_form(
    request: Request,
    payment_intent_id: PaymentIntentId,
    action: ActionName,
    session: Refunder,
    resources: ResourcesDependency,
) -> Response:
    """Show what Stripe will be asked; once that is confirmed, do it."""
    fields = await read_form(request, session)
    payment = await _payment_for(resources, session, payment_intent_id, action)
    try:
        order = _order(fields, payment, action)
    except MalformedForm as error:
        return await _form(request, session, resources, payment, action, fields, problem=error.detail)
    if fields.get("confirm") != "yes":
        return await _form(request, session, resources, payment, action, fields, order=order)
    await act(resources, session.person, payment, order)
    return go_to(f"/console/payments/{payment.id}")


async def _payment_for(
    resources: Resources, session: Session, payment_intent_id: UUID, action: PersonsAction
) -> PaymentIntentRead:
    if not session.person.may(NEEDED[action]):
        raise RoleRequired(f"This needs the role {NEEDED[action]}; yours is {session.person.role}.")
    return await payment_intents.find_payment_intent(resources, str(payment_intent_id))


def _order(fields: Mapping[str, str], payment: PaymentIntentRead, action: PersonsAction) -> Order:
    """Read the form. Raises MalformedForm."""
    reason = next((each for each in REASONS if each == fields.get("reason")), None)
    note = fields.get("note", "").strip()
    if reason is None:
        raise MalformedForm("Choose a reason.")
    if len(note) > MAX_NOTE or (reason == "other" and not note):
        raise MalformedForm(f"Say it in your own words, in at most {MAX_NOTE} characters.")
    try:
        key = UUID(fields.get("key", ""))
    except ValueError:
        raise MalformedForm("Load the page again.") from None
    amount = None
    if action in {"refund", "capture"}:
        amount = read_amount(fields.get("amount", ""), payment.currency or "")
    target = fields.get("target", "") if action == "redeliver" else None
    if target is not None and TARGET.fullmatch(target) is None:
        raise MalformedForm("Choose a notification in the timeline.")
    return Order(key, action, reason, note or None, amount, target)


def read_amount(text: str, currency: str) -> int:
    """Return an amount in minor units, as a person writes it: `12.50`, `12,5`. Raises MalformedForm."""
    text, digits = text.strip(), decimals_of(currency)
    try:
        value = Decimal(text.replace(",", ".")) if AMOUNT.fullmatch(text) else Decimal(0)
    except InvalidOperation:
        value = Decimal(0)
    amount = value * 10**digits
    if amount != int(amount) or not 1 <= amount <= MAX_AMOUNT:
        raise MalformedForm(f"Enter an amount of {currency.upper()} above zero, with at most {digits} decimals.")
    return int(amount)


def written_amount(amount: int, currency: str) -> str:
    """Return an amount as it stands in a form: without its currency."""
    return money(amount, currency).partition(" ")[2]


async def _form(
    request: Request,
    session: Session,
    resources: Resources,
    payment: PaymentIntentRead,
    action: PersonsAction,
    fields: Mapping[str, str],
    *,
    order: Order | None = None,
    problem: str | None = None,
) -> Response:
    currency = payment.currency or ""
    most = payment.amount_refundable if action == "refund" else payment.amount_capturable
    limit = limit_of(resources, session.person, currency) if action == "refund" else None
    today = await action_log.refunded_today(resources.database, session.person.subject, currency) if limit else 0
    context: dict[str, Any] = {
        "payment": payment,
        "action": action,
        "title": TITLES[action],
        "reasons": REASONS,
        "fields": {"amount": written_amount(most, currency), "reason": "", "note": "", "target": ""} | dict(fields),
        "token": session.form_token(request.scope["path"], fields.get("key", "")),
        "most": most,
        "limit": limit,
        "left_today": max(0, limit.a_day - today) if limit else None,
        "order": order,
        "problem": problem,
    }
    return render(request, "action.html", context, session=session, status=400 if problem else 200)
