"""How what Stripe says changes the state: the one way in.

`record_answer` takes the end of our own call, `record_hint` what came unasked (a webhook) or without the lease. State
moves forward only: a terminal one is taken at once and never left, anything else must fit the row's version or costs
a retrieve. No clock decides.
"""

from collections.abc import Mapping
from dataclasses import replace

from app.payment_intents.protocol.checkout import CheckoutTerms
from app.payment_intents.protocol.decide import Decision, next_step
from app.payment_intents.protocol.events import (
    ClosedReason,
    PaymentActionRequired,
    PaymentAmountChanged,
    PaymentAuthorized,
    PaymentCanceled,
    PaymentPartiallyFunded,
    PaymentProcessing,
    PaymentSucceeded,
)
from app.payment_intents.protocol.payment_of_checkout import as_of
from app.payment_intents.protocol.refusals import consequence_of, withdraw
from app.payment_intents.protocol.refusals import give_up as give_up_refused
from app.payment_intents.protocol.state import (
    AMOUNT_MISMATCH,
    DUPLICATE_PAYMENT,
    FROZEN,
    GONE,
    PAID_AFTER_CLOSE,
    PAYABLE,
    TERMINAL,
    Actor,
    Change,
    Context,
    PaymentIntentState,
    ReferenceState,
    mark_outcome_unknown,
    release_lease,
)
from app.payment_intents.protocol.steps import (
    Answer,
    Answered,
    Call,
    ConfirmCall,
    ConvergeRun,
    CreateCall,
    Fail,
    FoundNothing,
    GiveUp,
    Gone,
    KeyConflict,
    NotSent,
    Refused,
    ReplayedFailure,
    RetrieveCall,
    Unknown,
    UpdateCall,
)
from app.payment_intents.protocol.stripe_params import created_with
from app.payment_intents.protocol.terms import (
    FIELDS,
    FIELDS_NEVER_UNSET,
    AppliedTerms,
    PaymentIntentSnapshot,
    reference_in,
    revision_in,
    terms_in,
)

# What we cancel for a reason of our own, and what Stripe cancels by itself, by the reason that stands at Stripe.
OWN_CANCELS: Mapping[str, ClosedReason] = {"abandoned": "abandoned", "fraudulent": "card_testing"}
CANCELED_BY_STRIPE: Mapping[str, ClosedReason] = {
    "expired": "hold_expired",
    "checkout_expired": "checkout_expired",
    "checkout_failed": "checkout_failed",
    "automatic": "stripe",
    "failed_invoice": "stripe",
    "void_invoice": "stripe",
}

BY_STRIPE = frozenset({"hold_expired", "stripe", "refused", "failed", "gone", "checkout_expired", "checkout_failed"})


def record_answer(
    state: ReferenceState, run: ConvergeRun, call: Call, answer: Answer, context: Context, actor: Actor
) -> Decision:
    """Record how this run's call ended, and decide what it does next."""
    change = Change(state, context, actor)
    row, newest = state.get(run.about), state.newest
    assert row is not None and newest is not None, "the state holds what the call was about"  # noqa: S101, PT018 - narrows the types
    match answer:
        case Answered():
            run = _record_snapshot(change, row, run, call, answer.snapshot)
        case FoundNothing():
            run = run._replace(has_searched=True)
        case Gone():
            record_gone(change, row)
        case KeyConflict() | ReplayedFailure() if isinstance(call, ConfirmCall):
            return _release(change, row, run, is_unknown=True)
        case KeyConflict():
            run = _search(change, row, run)
        case ReplayedFailure():
            if isinstance(call, CreateCall) and run.must_search and run.has_searched:
                return _fail_creation(change, row, run)
            run = _search(change, row, run)
        case Refused():
            return _record_refusal(change, row, run, call, answer)
        case Unknown() | NotSent():
            return _release(change, row, run, is_unknown=isinstance(answer, Unknown))
    return _go_on(change, newest, run)


def give_up(state: ReferenceState, run: ConvergeRun, context: Context, actor: Actor) -> Decision:
    """Release the lease of a run that has no time left for its next call."""
    change = Change(state, context, actor)
    row = state.get(run.about)
    if row is not None and row.lease_token == run.token:
        change.put(release_lease(row))
    return Decision(change, run, GiveUp())


def record_hint(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentState:
    """Record what a webhook shows: a terminal state is taken; another status costs a retrieve, by a job.

    So do other amounts of a frozen one, which only Stripe can have changed; else they are ignored, since they may be
    old. What disagrees with a closed row is asked about too.
    """
    snapshot = as_of(row, snapshot)
    row = change.put(_name(row, snapshot))
    if not _is_of(row, snapshot):
        return row
    if snapshot.is_partial:
        return _look_at(change, row, snapshot)
    if snapshot.status in TERMINAL and row.status not in TERMINAL:
        return apply_snapshot(change, row, snapshot)
    if row.is_open and (_differs(row, snapshot) or _is_behind(row, snapshot)):
        change.enqueue("recover", row)
        return _distrust(change, row, snapshot)
    if row.is_open and row.lease_token is not None:
        return change.put(row._replace(version=row.version + 1))
    if row.closed_at is not None and _is_unknown(row, snapshot):
        change.enqueue("recover", row)
        return change.put(row._replace(needs_refresh=True))
    return row


def _look_at(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentState:
    """Have Stripe asked about what is said in part, unless it is what we know already or is over."""
    is_known = row.status == snapshot.status and not _differs(row, snapshot) and snapshot.checkout == row.checkout
    if row.status in TERMINAL or (is_known and row.lease_token is None):
        return row
    change.enqueue("recover", row)
    return _distrust(change, row, snapshot)


def record_disagreement(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> None:
    """Record what was retrieved without the lease and disagrees with our row; a job asks Stripe under the lease."""
    row = record_hint(change, change.put(row._replace(needs_refresh=row.is_open)), snapshot)
    change.enqueue("recover", row)


def record_gone(change: Change, row: PaymentIntentState) -> None:
    """Close what Stripe does not have any more: nobody can pay it."""
    if row.is_open or row.is_watched:
        _close_canceled(change, row._replace(needs_refresh=False, closed_reason=None), GONE)


def _go_on(change: Change, newest: PaymentIntentState, run: ConvergeRun) -> Decision:
    """Decide the next step about the newest row as it is after the change."""
    return next_step(change, change.state.get(newest.id) or newest, run)


def _record_snapshot(
    change: Change, row: PaymentIntentState, run: ConvergeRun, call: Call, snapshot: PaymentIntentSnapshot
) -> ConvergeRun:
    """Record the answer to a call of this run's."""
    is_first = row.applied_terms is None
    snapshot = as_of(row, snapshot)
    row = change.put(_name(row, snapshot))
    if not row.is_open or not _is_of(row, snapshot):
        return run
    if snapshot.is_replay or snapshot.is_partial:
        row = _distrust(change, row, snapshot)
    elif snapshot.status in TERMINAL:
        row = apply_snapshot(change, row, snapshot, run)
    elif row.lease_token != run.token:
        row = change.put(mark_outcome_unknown(row, change.context))
    elif _is_current(row, run, snapshot):
        row = apply_snapshot(change, row, snapshot, run)
        run = run._replace(is_fresh=True)
        if isinstance(call, RetrieveCall) and row.recheck_after is not None and call.began_at >= row.recheck_after:
            row = change.put(row._replace(recheck_after=None))
    else:
        row = change.put(row._replace(needs_refresh=True))
    return run._replace(is_first=run.is_first or (is_first and row.applied_terms is not None))


def _is_current(row: PaymentIntentState, run: ConvergeRun, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether nothing was recorded that this answer may be older than."""
    is_agreed = row.status == snapshot.status and not row.needs_refresh
    return row.status is None or row.version == run.version or is_agreed


def _search(change: Change, row: PaymentIntentState, run: ConvergeRun) -> ConvergeRun:
    """Have the next step look for what an answer speaks of and does not show."""
    change.put(row._replace(needs_refresh=True))
    return run._replace(must_search=True, has_searched=False)


def _fail_creation(change: Change, row: PaymentIntentState, run: ConvergeRun) -> Decision:
    """Close what Stripe made nothing of and, since it repeats its failure from memory, never will."""
    if row.lease_token == run.token:
        _close_canceled(change, row, "failed")
    return Decision(change, run, Fail())


def _record_refusal(
    change: Change, row: PaymentIntentState, run: ConvergeRun, call: Call, refused: Refused
) -> Decision:
    """Record Stripe's "no": look at the state that it speaks of, or end what was refused."""
    if isinstance(call, ConfirmCall):
        if refused.snapshot is not None:
            _record_snapshot(change, row, run, call, refused.snapshot)
        return _release(change, change.state.get(row.id) or row, run, is_unknown=False)
    consequence, is_mine = consequence_of(call, refused), row.lease_token == run.token
    if consequence == "look":
        shown = refused.snapshot.status if refused.snapshot else None
        run = _record_state(change, row, run._replace(refused=call, refused_in=shown), call, refused)
    elif consequence == "close" and is_mine:
        row = _close_canceled(change, row, "refused", refused.stripe_code)
        if created_with(row.create_params).revision == run.revision:
            return Decision(change, run, Fail())
    elif consequence == "tell" and is_mine:
        return _release(change, row, run, is_unknown=False)
    elif is_mine and not _is_outdated(row, run, call):
        end = give_up_refused(change, row, run, call)
        if end is not None:
            return Decision(change, run, end)
    newest = change.state.newest or row
    return _go_on(change, newest, run)


def _record_state(
    change: Change, row: PaymentIntentState, run: ConvergeRun, call: Call, refused: Refused
) -> ConvergeRun:
    """Record the state that a refusal shows, or have the next step ask for it."""
    if refused.snapshot is not None:
        return _record_snapshot(change, row, run, call, refused.snapshot)
    change.put(row._replace(needs_refresh=row.is_open))
    return run


def _is_outdated(row: PaymentIntentState, run: ConvergeRun, call: Call) -> bool:
    """Whether a newer request is there than the one that Stripe refused."""
    return isinstance(call, UpdateCall) and run.sent is not None and row.revision != run.sent.revision


def _release(change: Change, row: PaymentIntentState, run: ConvergeRun, *, is_unknown: bool) -> Decision:
    """Release the lease; if the outcome is unknown, leave the trace that a request may still be on its way."""
    if row.lease_token == run.token:
        row = mark_outcome_unknown(row, change.context) if is_unknown else row
        change.put(release_lease(row))
    return Decision(change, run, Fail())


def _name(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentState:
    """Note which PaymentIntent or Checkout Session at Stripe this row is, and which PaymentIntent a session has."""
    is_new = row.object_id is None
    checkout_id = row.checkout_id or (snapshot.checkout.id if row.is_checkout and snapshot.checkout else None)
    row = row._replace(stripe_id=row.stripe_id or snapshot.payment_intent_id, checkout_id=checkout_id)
    return row._replace(version=row.version + 1) if is_new and row.object_id is not None else row


def _is_of(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether a snapshot is of what the row is about; a session's PaymentIntent may be known before the session."""
    return row.object_id in (None, snapshot.id)


def _distrust(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentState:
    """Ask Stripe before believing it; only a row that knows nothing takes it for now."""
    if row.status is None:
        row = _take_status(change, row, snapshot)
    return change.put(row._replace(needs_refresh=True, version=row.version + 1))


def _differs(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> bool:
    ours = (row.amount, row.amount_capturable, row.amount_received)
    theirs = (snapshot.amount, snapshot.amount_capturable, snapshot.amount_received)
    is_other_action = row.status == "requires_action" and row.next_action != snapshot.next_action
    return row.status != snapshot.status or is_other_action or (row.is_frozen and ours != theirs)


def _is_behind(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether Stripe holds a newer request than we know of, as after the restore of an old backup.

    Otherwise a request is committed before it is sent.
    """
    is_of_row = snapshot.metadata.get("payment_intent_id") == str(row.id)
    return is_of_row and revision_in(snapshot.metadata) > row.revision


def _is_unknown(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether Stripe must be asked about a closed row: what it says does not come before what is known."""
    is_late_success = row.status == "canceled" and snapshot.status == "succeeded"
    return is_late_success or (row.status not in TERMINAL and row.status != snapshot.status)


def apply_snapshot(
    change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot, run: ConvergeRun | None = None
) -> PaymentIntentState:
    """Take what Stripe shows as what it holds."""
    if _is_behind(row, snapshot):
        row = row._replace(requested_terms=terms_in(snapshot), revision=revision_in(snapshot.metadata))
    applied = _terms_held(row, snapshot, run)
    if row.refused_revision is not None and revision_in(snapshot.metadata) > row.refused_revision:
        row = row._replace(refused_revision=None)  # Stripe accepted a newer request
    version = None if applied.is_of_session else applied.terms.cart_version
    if version is not None and row.closed_at is None:  # a closed one may be of an order before
        recorded = max(version, change.state.cart_version or 0)
        change.state = change.state._replace(cart_version=recorded)
    is_known = row.status == "canceled" and row.closed_at is not None
    row = row._replace(applied_terms=applied, needs_refresh=False, version=row.version + 1)
    row = _take_status(change, row, snapshot)
    if snapshot.status == "canceled" and not is_known:
        row = _close_canceled(change, row, _why_canceled(row, snapshot))
    if snapshot.status == "succeeded":
        row = _check_received_amount(change, withdraw(row, run) if run else row)
    if row.closed_at is not None and snapshot.status in FROZEN | {"succeeded"}:
        row = change.flag(row, PAID_AFTER_CLOSE)
    return change.put(row)


def _take_status(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentState:
    before, is_changed = row, row.status != snapshot.status
    is_active = is_changed or _is_funded(row, snapshot)
    row = row._replace(
        status=snapshot.status,
        next_action=snapshot.next_action,
        checkout=snapshot.checkout,
        amount=snapshot.amount,
        currency=snapshot.currency,
        amount_received=snapshot.amount_received,
        amount_capturable=snapshot.amount_capturable,
        last_activity_at=change.now if is_active else row.last_activity_at,
        paid_at=change.now if is_changed and snapshot.status == "succeeded" else row.paid_at,
    )
    row = change.put(row)
    _tell_price(change, before, row)
    if is_changed:
        _tell_status(change, row, snapshot)
    if _is_funded(before, snapshot) and row.next_action is not None:
        remaining = row.next_action.amount_remaining or 0
        change.append(row, PaymentPartiallyFunded(snapshot.amount, snapshot.currency, remaining))
    return row


def _is_funded(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether a part of a bank transfer has arrived since."""
    awaited = snapshot.next_action.amount_remaining if snapshot.next_action else None
    if awaited is None:
        return False
    before = row.next_action.amount_remaining if row.next_action else None
    return awaited < (snapshot.amount if before is None else before)


def _tell_price(change: Change, before: PaymentIntentState, row: PaymentIntentState) -> None:
    """Append that Stripe holds another price; that of a payment which is under way or over is in its own event."""
    if before.amount is None or before.currency is None or row.amount is None or row.currency is None:
        return
    if row.status in PAYABLE and (row.amount, row.currency) != (before.amount, before.currency):
        change.append(row, PaymentAmountChanged(row.amount, row.currency, before.amount, before.currency))


def _tell_status(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> None:
    """Append the event of a new status, unless another event does: it is open, an attempt failed, it was closed."""
    amount, currency = snapshot.amount, snapshot.currency
    match snapshot.status:
        case "requires_action":
            action = snapshot.next_action.type if snapshot.next_action else None
            change.append(row, PaymentActionRequired(amount, currency, action))
        case "processing":
            change.append(row, PaymentProcessing(amount, currency))
        case "requires_capture":
            change.append(row, PaymentAuthorized(amount, currency, snapshot.amount_capturable))
        case "succeeded":
            change.append(row, PaymentSucceeded(amount, currency, snapshot.amount_received))
        case _:
            pass


def _close_canceled(
    change: Change, row: PaymentIntentState, reason: ClosedReason, stripe_code: str | None = None
) -> PaymentIntentState:
    """Close what nobody can pay any more, and tell by whom."""
    row = change.close(row, reason)
    reason = row.closed_reason or reason
    price = (row.amount or row.requested_terms.amount, row.currency or row.requested_terms.currency)
    change.append(row, PaymentCanceled(*price, reason, _canceled_by(row, reason), stripe_code))
    return row


def _canceled_by(row: PaymentIntentState, reason: ClosedReason) -> str:
    """Return the actor that asked for it, or `service`, `stripe`, `dashboard`."""
    if reason in BY_STRIPE:
        return "stripe"
    if reason == "dashboard":
        return "dashboard"
    return (row.cancel_requested_by if reason == "requested" else None) or "service"


def _why_canceled(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> ClosedReason:
    """Return why Stripe shows it as canceled: what we had asked for, or what it says itself."""
    if not row.is_cancel_requested:
        return CANCELED_BY_STRIPE.get(snapshot.cancellation_reason or "", "dashboard")
    if row.cancel_requested_by is not None:
        return "requested"
    return OWN_CANCELS.get(row.cancel_reason or "", "replaced")


def _terms_held(row: PaymentIntentState, snapshot: PaymentIntentSnapshot, run: ConvergeRun | None) -> AppliedTerms:
    """Return what Stripe holds: the terms of the revision in its metadata, or what it shows if we do not know that one.

    Stripe may show a field otherwise than it was sent: what is only read may cost one more update.
    """
    shown = terms_in(snapshot)
    if row.is_checkout:
        shown = replace(shown, checkout=_checkout_held(row, shown.checkout))
    is_moved = reference_in(snapshot.metadata) != row.reference
    if is_moved:  # the session counted its own versions
        shown = replace(shown, cart_version=row.requested_terms.cart_version)
    if is_moved and snapshot.status in PAYABLE:  # our metadata is sent again
        return AppliedTerms(shown, is_of_session=True)
    held = _of_revision(snapshot.metadata.get("revision", ""), row, run) or AppliedTerms(shown)
    if is_moved:
        held = replace(held, terms=replace(held.terms, cart_version=shown.cart_version))
    # An older request may have set what this one does not speak of, and a late one too.
    held = replace(
        held, terms=held.terms.filled_from(shown, FIELDS_NEVER_UNSET if row.recheck_after is None else FIELDS)
    )
    return held.with_price(snapshot.amount, snapshot.currency)


def _checkout_held(row: PaymentIntentState, shown: CheckoutTerms | None) -> CheckoutTerms | None:
    """Return how a Checkout Session is shown to its shopper: as it was opened, but for items that can be changed.

    Of these no more is known than their sum, whatever was requested: it may be another request's.
    """
    opened = created_with(row.create_params).terms.checkout
    if opened is None or shown is None or not opened.takes_items:
        return opened
    return replace(opened, line_items=shown.line_items)


def _of_revision(revision: str, row: PaymentIntentState, run: ConvergeRun | None) -> AppliedTerms | None:
    """Return the terms that we sent, or mean to send, at this revision."""
    known = (AppliedTerms(row.requested_terms, row.revision), run.sent if run else None, row.applied_terms)
    for each in known:
        if each is not None and not each.is_of_session and str(each.revision) == revision:
            return each
    created = created_with(row.create_params)
    return created if str(created.revision) == revision else None


def _check_received_amount(change: Change, row: PaymentIntentState) -> PaymentIntentState:
    """Flag a payment of something else than what is owed, and another payment of the same. A person looks at both."""
    if row.is_amount_mismatched:
        row = change.flag(row, AMOUNT_MISMATCH)
    others = [(each.id, each.previous_id) for each in change.state.payment_intents if each.status == "succeeded"]
    for paid_id, previous_id in (*change.state.paid, *others):
        if paid_id != row.id and previous_id == row.previous_id:
            row = change.flag(row, DUPLICATE_PAYMENT)
    return row
