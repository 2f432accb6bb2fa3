"""From the model's values to the code's, and back: a row is rebuilt for each transaction."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from app.domain_events.repository import Actor
from app.payment_intents import content, protocol
from app.payment_intents.content import Marks
from app.payment_intents.models import PaymentIntent
from app.references.models import Kind, PaymentReference, Reference
from app.stripe_gateway import PaymentIntentSnapshot
from model.state import Book, Call, Content, Held, Row, Run, Snapshot

INSTANCE = "model"
ACTOR = Actor("model")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NAMES: dict[Kind, str] = {"cart": "c1", "session": "s1"}


class When(NamedTuple):
    """What time has done until this transaction.

    The lease that is found has run out; whoever made the newest request is gone; nothing can be on its way any more;
    nothing was heard for so long that the sweep asks.
    """

    is_expired: bool = False
    is_owner_gone: bool = False
    is_nothing_late: bool = False
    is_silent: bool = False


def row_of(row: Row, number: int, when: When) -> PaymentIntent:
    reference = Reference(row.opened_for, NAMES[row.opened_for])
    marks = Marks(INSTANCE, uuid.UUID(int=number + 1), reference)
    made = PaymentIntent(
        id=marks.payment_intent_id,
        reference_kind=row.kind,
        reference_id=NAMES[row.kind],
        generation=row.generation,
        opening=content.opening_parameters(content_of(row.opening), row.opening_revision, marks),
        requested=content_of(row.requested),
        revision=row.revision,
        applied=_held(row.applied),
        stripe_id=None if row.stripe_id is None else f"pi_{row.stripe_id}",
        status=row.status,
        amount=row.amount,
        currency=None if row.amount is None else "eur",
        capture_amount=row.capture,
        closed_at=None if row.closed_reason is None else NOW,
        closed_reason=row.closed_reason,
        created_at=NOW - 21 * HOUR if row.is_old else NOW,
        updated_at=NOW - 2 * HOUR if when.is_silent else NOW,
        touched_at=NOW - 25 * HOUR if row.is_idle else NOW - MINUTE if when.is_owner_gone else NOW,
    )
    made.amount_received, made.amount_capturable = row.received, row.capturable
    made.version, made.is_rolled_back = int(row.has_moved), row.is_rolled_back
    if row.lease:
        made.lease_token = uuid.UUID(int=row.lease)
        made.lease_until = NOW - SECOND if when.is_expired else NOW + SECOND
    made.needs_sync, made.is_closing, made.flags = row.needs_sync, row.is_closing, list(row.flags)
    made.check_at = None if not row.must_check else NOW - SECOND if when.is_nothing_late else NOW + SECOND
    return made


def read(row: PaymentIntent, run: protocol.Run | None) -> Row:
    opened = content.opened_with(row.opening)
    is_mine = run is not None and row.lease_token == run.token and row.version == run.version
    return Row(
        kind=row.reference_kind,
        generation=row.generation,
        opened_for=cast(Kind, row.opening["metadata"]["reference_kind"]),
        opening=_read_content(opened),
        opening_revision=opened["revision"],
        requested=_read_content(row.requested),
        revision=row.revision,
        is_rolled_back=row.is_rolled_back,
        applied=_read_held(row.applied),
        stripe_id=None if row.stripe_id is None else int(row.stripe_id.removeprefix("pi_")),
        status=row.status,
        amount=row.amount,
        received=row.amount_received,
        capturable=row.amount_capturable,
        lease=0 if row.lease_token is None else row.lease_token.int,
        has_moved=row.lease_token is not None and not is_mine and row.version != 0,
        needs_sync=row.needs_sync,
        must_check=row.check_at is not None,
        is_closing=row.is_closing,
        capture=row.capture_amount,
        is_idle=row.touched_at < NOW - 24 * HOUR,
        is_old=row.created_at < NOW - 20 * HOUR,
        closed_reason=row.closed_reason,
        flags=tuple(row.flags),
    )


def book_of(kind: Kind, book: Book) -> PaymentReference:
    return PaymentReference(
        kind=kind,
        id=NAMES[kind],
        next_generation=book.next_generation,
        next_sequence=1,
        cart_version=book.cart_version,
        moved_to=NAMES["cart"] if book.is_moved else None,
    )


def read_book(book: PaymentReference) -> Book:
    return Book(book.next_generation, book.cart_version, book.moved_to is not None)


def content_of(wanted: Content) -> dict[str, Any]:
    stated = {"amount": wanted.amount, "currency": "eur", "description": wanted.note}
    return dict.fromkeys(content.FIELDS) | stated | {"metadata": {}, "cart_version": wanted.cart_version}


def _read_content(wanted: content.Content) -> Content:
    return Content(wanted["amount"], wanted["description"], wanted["cart_version"])


def _held(held: Held | None) -> dict[str, Any] | None:
    if held is None:
        return None
    if not held.is_whole:
        return {"amount": held.amount, "currency": "eur"}
    numbered = {} if held.revision is None else {"revision": held.revision}
    return content_of(Content(held.amount, held.note, held.cart_version)) | numbered


def _read_held(held: content.Content | None) -> Held | None:
    if held is None:
        return None
    if "description" not in held:
        return Held(held["amount"], None, None, None, is_whole=False)
    return Held(*_read_content(held), held.get("revision"), is_whole=True)


def run_of(run: Run) -> protocol.Run:
    return protocol.Run(
        actor=ACTOR,
        revision=run.revision,
        wants_secret=run.name == "PUT",
        token=uuid.UUID(int=run.number),
        calls=run.calls,
        is_fresh=run.is_fresh,
        must_search=run.must_search,
        has_searched=run.has_searched,
        sent=_held(run.sent),
    )


def read_run(before: Run, run: protocol.Run) -> Run:
    return before._replace(
        revision=run.revision,
        calls=run.calls,
        is_fresh=run.is_fresh,
        must_search=run.must_search,
        has_searched=run.has_searched,
        sent=_read_held(run.sent),
        answer=None,
    )


def read_call(step: protocol.Call | protocol.Step, about: int) -> Call:
    match step:
        case protocol.Create(opening):
            opened = content.opened_with(opening)
            changes = tuple(zip(Content._fields, _read_content(opened), strict=True))
            kind = cast(Kind, opening["metadata"]["reference_kind"])
            return Call("create", about, None, changes, opened["revision"], kind)
        case protocol.Update(stripe_id, params):
            version, revision = params["metadata"]["cart_version"], params["metadata"]["revision"]
            changes = (("cart_version", int(version) if version else None),)
            changes += tuple(("amount", params[name]) for name in ("amount",) if name in params)
            changes += tuple(("note", params[name] or None) for name in ("description",) if name in params)
            return Call(
                "update", about, _number(stripe_id), changes, int(revision), params["metadata"]["reference_kind"]
            )
        case protocol.Retrieve(stripe_id) | protocol.Cancel(stripe_id):
            return Call(type(step).__name__.lower(), about, _number(stripe_id))
        case protocol.Capture(stripe_id, amount):
            return Call("capture", about, _number(stripe_id), (("amount", amount),))
        case _:
            return Call("find", about)


def step_of(run: Run) -> protocol.Call:
    """Make the step that was performed again; what is recorded depends on its kind alone."""
    assert run.call is not None
    match run.call.name:
        case "create":
            return protocol.Create({}, "")
        case "find":
            return protocol.Find({}, NOW, None)
        case "retrieve":
            return protocol.Retrieve("", NOW)
        case "update":
            return protocol.Update("", {}, "")
        case "cancel":
            return protocol.Cancel("", None, "")
        case _:
            return protocol.Capture("", 0, "")


def _number(stripe_id: str) -> int:
    return int(stripe_id.removeprefix("pi_"))


def snapshot_of(snapshot: Snapshot) -> PaymentIntentSnapshot:
    intent = snapshot.intent
    metadata = {
        "instance": INSTANCE,
        "payment_intent_id": str(uuid.UUID(int=intent.row + 1)),
        "reference_kind": intent.kind,
        "reference_id": NAMES[intent.kind],
        "revision": str(intent.revision),
    }
    if intent.cart_version is not None:
        metadata["cart_version"] = str(intent.cart_version)
    return PaymentIntentSnapshot(
        id=f"pi_{snapshot.number}",
        status=intent.status,
        amount=intent.amount,
        currency="eur",
        amount_received=intent.received,
        amount_capturable=intent.amount if intent.status == "requires_capture" else 0,
        metadata=metadata,
        latest_charge_id=None,
        last_payment_error=None,
        cancellation_reason=None,
        created=NOW,
        fields={"description": intent.note},
        is_replay=snapshot.is_replay,
    )
