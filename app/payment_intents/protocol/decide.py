"""Which step is next: for a command, after a wait, and after an answer of Stripe's was recorded."""

from dataclasses import dataclass

from app.payment_intents.protocol.refusals import give_up, is_refused_before, roll_back, withdraw_and_unflag
from app.payment_intents.protocol.state import (
    Actor,
    Change,
    Context,
    PaymentIntentState,
    ReferenceState,
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
    ConvergeRun,
    CreateCall,
    Done,
    FindCall,
    GiveUp,
    RetrieveCall,
    Step,
    UpdateCall,
    Wait,
)
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    StripeMetadata,
    created_with,
    update_params,
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
    is_known = not run.wants_secret or row.stripe_id in known_secrets
    is_newer = run.revision is None or row.revision >= run.revision
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
) -> tuple[PaymentIntentState, ConvergeRun, Call | Done]:
    """Decide the next call of the run that holds the lease."""
    stripe_id = row.stripe_id
    if stripe_id is None:
        return row, run, _next_for_uncreated(row, run, context)
    if row.is_cancel_requested and row.status == "processing":
        row = row._replace(is_cancel_requested=False, cancel_reason=None, cancel_requested_by=None)
    is_to_look_at = row.needs_refresh and run.refused is not None
    if row.is_cancel_requested and not is_to_look_at:
        return row, run, _cancel(row, stripe_id, context)
    must_recheck = row.recheck_after is not None and not run.is_fresh
    if row.needs_refresh or row.applied_terms is None or must_recheck:
        return row, run, RetrieveCall(stripe_id, context.now)
    if row.capture_amount is not None and row.is_capture_requested:
        key = f"payment_intent:{row.id}:capture:{context.call_id}"
        return row, run, CaptureCall(stripe_id, row.capture_amount, key)
    if row.is_frozen:
        # The run's own caller is told so; any other's request may have been accepted, and stands.
        return roll_back(row) if run.revision == row.revision else row, run, Done()
    if not row.applied_terms.covers(row.requested_terms):
        return _update(row, stripe_id, row.applied_terms, run, context)
    if run.wants_secret and stripe_id not in context.known_secrets:
        return row, run, RetrieveCall(stripe_id, context.now)
    return row, run, Done()


def _next_for_uncreated(row: PaymentIntentState, run: ConvergeRun, context: Context) -> Call:
    """Create it, unless it may have been created under a key that Stripe has forgotten."""
    known_since = context.now - KEY_IS_SAFE_FOR  # what was created later, its key finds
    if not run.has_searched and (run.must_search or row.created_at < known_since):
        until = None if run.must_search else known_since + CLOCK_SKEW
        metadata = StripeMetadata(context.config.instance, row.id, row.reference)
        return FindCall(metadata.permanent(), row.created_at - CLOCK_SKEW, until)
    return CreateCall(row.create_params, f"payment_intent:{row.id}:create")


def _update(
    row: PaymentIntentState, stripe_id: str, applied: AppliedTerms, run: ConvergeRun, context: Context
) -> tuple[PaymentIntentState, ConvergeRun, Call]:
    """Send what differs. What only another PaymentIntent can have cancels this one; the PUT then opens the next."""
    if row.must_be_replaced:
        row = row._replace(is_cancel_requested=True, cancel_reason=None)
        return row, run, _cancel(row, stripe_id, context)
    metadata = StripeMetadata(context.config.instance, row.id, row.reference)
    again = _sent_again(row, applied)
    params = update_params(applied.terms, row.requested_terms, row.revision, metadata, again)
    run = run._replace(sent=AppliedTerms(row.requested_terms.filled_from(applied.terms), row.revision))
    before = row.unconfirmed_fields if row.recheck_after is not None else ()
    row = row._replace(unconfirmed_fields=tuple(sorted({*before, *params} - {"metadata"})))
    return row, run, UpdateCall(stripe_id, params, f"payment_intent:{row.id}:update:{context.call_id}")


def _sent_again(row: PaymentIntentState, applied: AppliedTerms) -> frozenset[str]:
    """Return what older requests may set that arrive first: the update sends it again.

    Nothing sets another customer than the one that is held, and Stripe may refuse the same. Nor is the price sent again
    of what the shopper is authenticating.
    """
    if row.recheck_after is None:
        return frozenset()
    is_customer_held = applied.terms.customer is not None
    fixed = {"amount", "currency"} if row.status == "requires_action" else set()
    return frozenset(row.unconfirmed_fields) - fixed - ({"customer"} if is_customer_held else set())


def _cancel(row: PaymentIntentState, stripe_id: str, context: Context) -> CancelCall:
    return CancelCall(stripe_id, row.cancel_reason, f"payment_intent:{row.id}:cancel:{context.call_id}")
