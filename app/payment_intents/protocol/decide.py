"""Which step is next: for a command, after a wait, and after an answer of Stripe's was recorded."""

from dataclasses import dataclass

from app.payment_intents.protocol.refusals import give_up, is_refused_before, roll_back, withdraw_and_unflag
from app.payment_intents.protocol.state import (
    Actor,
    Change,
    Context,
    PaymentIntentState,
    ReferenceState,
    has_ended,
    mark_outcome_unknown,
    release_lease,
)
from app.payment_intents.protocol.steps import (
    CLOCK_SKEW,
    KEY_IS_SAFE_FOR,
    MAX_CALLS,
    Call,
    CancelCall,
    CaptureCall,
    Confirmation,
    ConfirmCall,
    ConvergeRun,
    CreateCall,
    Done,
    FindCall,
    GiveUp,
    Rejected,
    RetrieveCall,
    Step,
    UpdateCall,
    Wait,
)
from app.payment_intents.protocol.stripe_params import created_with, update_params
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    StripeMetadata,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be written, and what the run does once that is committed."""

    change: Change
    run: ConvergeRun
    step: Step


def decide_again(state: ReferenceState, run: ConvergeRun, context: Context, actor: Actor) -> Decision:
    """Decide what a run does next, after it waited or took too long."""
    change = Change(state, context, actor)
    assert state.newest is not None, "a run looks again at what it has seen"  # noqa: S101 - narrows the type
    return next_step(change, state.newest, run)


def next_step(change: Change, newest: PaymentIntentState, run: ConvergeRun) -> Decision:
    """Decide the next step about a reference's newest PaymentIntent.

    A PUT that finds it closed opens the next one with the newest request.
    """
    row = withdraw_and_unflag(change, newest, run)
    if row.closed_at is not None and run.is_put:
        if _is_refused_request(row) and row.revision != run.revision:
            return Decision(change, run, GiveUp())  # another's request was refused; this one may be sent again
        closed = row
        row = change.open_next(
            requested=row.requested_terms,
            revision=row.revision,
            previous_id=row.previous_id,
            expires_after=row.expires_after,
        )
        # What was refused of the one before is not accepted because there is another to pay.
        row = change.put(row._replace(is_rolled_back=closed.is_rolled_back, refused_revision=closed.refused_revision))
        run = run._replace(must_search=False, has_searched=False)  # that was for the one before
    row, run, step = _take_lease(row, run._replace(about=row.id), change.context)
    row = change.put(row)
    if is_refused_before(step, run, row.status):
        end = give_up(change, row, run, step)
        return next_step(change, change.state.get(row.id) or row, run) if end is None else Decision(change, run, end)
    return Decision(change, run, step)


def is_answered_by(row: PaymentIntentState, run: ConvergeRun, known_secrets: frozenset[str]) -> bool:
    """Whether a look at this PaymentIntent would find nothing to do, and this run's request in it."""
    is_known = not run.wants_secret or row.object_id in known_secrets
    is_newer = run.revision is None or row.revision >= run.revision
    if run.confirmation is not None:
        return False
    return row.is_payable and row.is_synced and row.recheck_after is None and is_newer and is_known


def _is_refused_request(row: PaymentIntentState) -> bool:
    """Whether Stripe did not make the very request that is still the newest."""
    return row.is_unmade and created_with(row.create_params).revision == row.revision


def _take_lease(
    row: PaymentIntentState, run: ConvergeRun, context: Context
) -> tuple[PaymentIntentState, ConvergeRun, Step]:
    """Take the lease, or find it taken, and decide what comes next."""
    if row.lease_token not in (None, run.token):
        if row.lease_until is not None and row.lease_until > context.now:
            return row, run._replace(is_fresh=False), Wait()  # what this run learnt is older than what the other does
        row = mark_outcome_unknown(row, context)
    if not row.is_open:
        return release_lease(row), run, Done()
    leased = row._replace(lease_token=run.token, lease_until=context.now + context.config.lease)
    leased, after, step = _next(leased, run._replace(version=row.version), context)
    if isinstance(step, Done):
        return _agreed(leased), after, step
    if isinstance(step, Rejected | GiveUp):
        return release_lease(leased), after, step
    if is_refused_before(step, run, row.status):
        return leased, run, step
    if run.calls == MAX_CALLS:
        row = _agreed(row)
        return row, run, _yield_to_newer(row, run)
    return leased, after._replace(calls=run.calls + 1), step


def _agreed(row: PaymentIntentState) -> PaymentIntentState:
    """Release the lease of a run that is done. Stripe holds a newer request's price than the refused one by now."""
    row = release_lease(row)
    is_accepted = row.is_synced and not row.is_rolled_back
    return row._replace(refused_revision=None if is_accepted else row.refused_revision)


def _yield_to_newer(row: PaymentIntentState, run: ConvergeRun) -> Step:
    """Leave the rest to whoever made a newer request, and wait for that; without one, give up."""
    is_checked = row.recheck_after is None or run.is_fresh
    if row.is_synced and is_checked and not row.is_cancel_requested and not row.is_capture_requested:
        return Done()
    return Wait() if run.revision is not None and run.revision < row.revision else GiveUp()


def _next(
    row: PaymentIntentState, run: ConvergeRun, context: Context
) -> tuple[PaymentIntentState, ConvergeRun, Call | Done | Rejected | GiveUp]:
    """Decide the next call of the run that holds the lease."""
    object_id = row.object_id
    if object_id is None:
        return row, run, _next_for_uncreated(row, run, context)
    if row.is_cancel_requested and row.status == "processing":
        row = row._replace(is_cancel_requested=False, cancel_reason=None, cancel_requested_by=None)
    is_to_look_at = row.needs_refresh and run.refused is not None
    if row.is_cancel_requested and not is_to_look_at:
        return row, run, cancel_call(row, object_id, context)
    must_recheck = (row.recheck_after is not None or has_ended(row, context.now)) and not run.is_fresh
    if row.needs_refresh or row.applied_terms is None or must_recheck:
        return row, run, RetrieveCall(object_id, context.now, row.is_checkout)
    if row.capture_amount is not None and row.is_capture_requested and row.stripe_id is not None:
        key = f"payment_intent:{row.id}:capture:{context.call_id}"
        return row, run, CaptureCall(row.stripe_id, row.capture_amount, key)
    if row.is_frozen:
        # The run's own caller is told so; any other's request may have been accepted, and stands.
        return roll_back(row) if run.revision == row.revision else row, run, Done()
    if not row.applied_terms.covers(row.requested_terms):
        return _update(row, object_id, row.applied_terms, run, context)
    if run.confirmation is not None and not run.is_confirmed:
        return _confirm(row, object_id, row.applied_terms, run, run.confirmation)
    if run.wants_secret and object_id not in context.known_secrets:
        return row, run, RetrieveCall(object_id, context.now, row.is_checkout)
    return row, run, Done()


def _next_for_uncreated(row: PaymentIntentState, run: ConvergeRun, context: Context) -> Call:
    """Create it, unless it may have been created under a key that Stripe has forgotten."""
    known_since = context.now - KEY_IS_SAFE_FOR  # what was created later, its key finds
    if not run.has_searched and (run.must_search or row.created_at < known_since):
        until = None if run.must_search else known_since + CLOCK_SKEW
        metadata = StripeMetadata(context.config.instance, row.id, row.reference)
        return FindCall(metadata.permanent(), row.created_at - CLOCK_SKEW, until, row.is_checkout)
    return CreateCall(row.create_params, f"payment_intent:{row.id}:create", row.is_checkout)


def _update(
    row: PaymentIntentState, object_id: str, applied: AppliedTerms, run: ConvergeRun, context: Context
) -> tuple[PaymentIntentState, ConvergeRun, Call]:
    """Send what differs. What only another PaymentIntent can have cancels this one; the PUT then opens the next."""
    if row.must_be_replaced:
        row = row._replace(is_cancel_requested=True, cancel_reason=None)
        return row, run, cancel_call(row, object_id, context)
    metadata = StripeMetadata(context.config.instance, row.id, row.reference)
    again = _sent_again(row, applied)
    params = update_params(applied.terms, row.requested_terms, row.revision, metadata, again)
    run = run._replace(sent=AppliedTerms(row.requested_terms.filled_from(applied.terms), row.revision))
    before = row.unconfirmed_fields if row.recheck_after is not None else ()
    row = row._replace(unconfirmed_fields=tuple(sorted({*before, *params} - {"metadata"})))
    key = f"payment_intent:{row.id}:update:{context.call_id}"
    return row, run, UpdateCall(object_id, params, key, row.is_checkout)


def _confirm(
    row: PaymentIntentState, stripe_id: str, applied: AppliedTerms, run: ConvergeRun, confirmation: Confirmation
) -> tuple[PaymentIntentState, ConvergeRun, ConfirmCall | Done | Rejected | GiveUp]:
    """Confirm what the shopper saw, if no request is on its way to Stripe that could change it."""
    if not row.is_payable or row.is_checkout:
        return row, run, Done()
    owed = row.requested_terms
    is_seen = confirmation.amount == owed.amount and confirmation.cart_version in (None, owed.cart_version)
    if not is_seen or row.is_price_refused or applied.terms.price != owed.price:
        facts = {"amount": owed.amount, "currency": owed.currency, "cart_version": owed.cart_version}
        return row, run, Rejected("price_changed", {name: each for name, each in facts.items() if each is not None})
    if row.recheck_after is not None:
        return row, run, GiveUp()
    params = {"confirmation_token": confirmation.token, "return_url": confirmation.return_url}
    key = f"payment_intent:{row.id}:confirm:{confirmation.key}"
    return row, run._replace(is_confirmed=True), ConfirmCall(stripe_id, params, key)


def _sent_again(row: PaymentIntentState, applied: AppliedTerms) -> frozenset[str]:
    """Return what older requests may set that arrive first: the update sends it again.

    Nothing sets another customer than the one that is held, and Stripe may refuse the same. Nor is the price sent again
    of what the shopper is authenticating.
    """
    if row.recheck_after is None:
        return frozenset()
    is_customer_held = applied.terms.customer is not None
    fixed = {"amount", "currency", "line_items"} if row.status == "requires_action" else set()
    return frozenset(row.unconfirmed_fields) - fixed - ({"customer"} if is_customer_held else set())


def cancel_call(row: PaymentIntentState, object_id: str, context: Context, reason: str | None = None) -> CancelCall:
    """Return what ends it. What a Checkout Session holds is released by its PaymentIntent; else the session expires."""
    key = f"payment_intent:{row.id}:cancel:{context.call_id}"
    reason = row.cancel_reason or reason
    if row.is_checkout and row.status == "requires_capture" and row.stripe_id is not None:
        return CancelCall(row.stripe_id, reason, key)
    return CancelCall(object_id, reason, key, row.is_checkout)
