"""The model of all interleavings: its smallest configurations hold, and without one of the rules they do not."""

from collections.abc import Callable
from datetime import datetime
from types import FunctionType
from typing import Any, cast

import pytest

from app.payment_intents.protocol import adopt, closed, commands, decide, record, refusals, state
from app.payment_intents.protocol.commands import PutTerms
from app.payment_intents.protocol.decide import Decision, next_step
from app.payment_intents.protocol.payment_of_checkout import PaymentOfCheckout, as_of
from app.payment_intents.protocol.record import apply_snapshot, record_gone, record_hint
from app.payment_intents.protocol.refusals import Consequence, consequence_of, is_refused_before, roll_back, withdraw
from app.payment_intents.protocol.state import (
    Change,
    Context,
    PaymentIntentState,
    ProtocolConfig,
    due_at,
    has_ended,
    mark_outcome_unknown,
    release_lease,
)
from app.payment_intents.protocol.steps import Call, CancelCall, ConvergeRun, Refused, UpdateCall
from app.payment_intents.protocol.terms import PaymentIntentSnapshot, PaymentTerms
from model import promises, refunds
from model.configuration import Configuration
from model.configurations import LARGE, SMALL
from model.explore import explore
from model.payments import model_of

Patch = pytest.MonkeyPatch


@pytest.mark.parametrize("configuration", SMALL, ids=lambda configuration: configuration.name)
def test_every_order_keeps_every_promise(configuration: Configuration) -> None:
    result = explore(model_of(configuration))
    assert result.is_expected, f"{result}\n{result.describe()}"


# Each of these takes one rule away.


def _put_in_place(patch: Patch, function: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Replace a public function of the protocol wherever it is used."""
    name = cast(FunctionType, function).__name__
    for module in (adopt, closed, commands, decide, record, refusals, state, promises):
        if hasattr(module, name):
            patch.setattr(module, name, other)


def _ignore_leases(patch: Patch) -> None:
    def decide_without(change: Change, newest: PaymentIntentState, run: ConvergeRun) -> Decision:
        return next_step(change, release_lease(newest), run)

    _put_in_place(patch, next_step, decide_without)


def _roll_back_without_a_revision(patch: Patch) -> None:
    def roll_back_only(row: PaymentIntentState) -> PaymentIntentState:
        after = roll_back(row)
        return after._replace(revision=after.revision - after.is_rolled_back)

    _put_in_place(patch, roll_back, roll_back_only)


def _keep_what_was_refused(patch: Patch) -> None:
    _put_in_place(patch, roll_back, lambda row: row)


def _expire_what_is_unknown(patch: Patch) -> None:
    def is_abandoned(row: PaymentIntentState, context: Context) -> bool:
        return commands_is_abandoned(row._replace(needs_refresh=False), context)

    commands_is_abandoned = commands.is_abandoned
    _put_in_place(patch, commands_is_abandoned, is_abandoned)


def _forget_what_is_late(patch: Patch) -> None:
    _put_in_place(patch, mark_outcome_unknown, lambda row, _: row)


def _trust_webhooks(patch: Patch) -> None:
    def believe(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> None:
        if row.is_open:
            apply_snapshot(change, row._replace(stripe_id=snapshot.id), snapshot)

    _put_in_place(patch, record_hint, believe)


def _answer_at_once_while_a_request_may_arrive(patch: Patch) -> None:
    def is_answered_at_once(context: Context, command: PutTerms, row: PaymentIntentState) -> bool:
        return commands_is_answered_at_once(context, command, row._replace(recheck_after=None))

    commands_is_answered_at_once = commands.is_answered_at_once
    _put_in_place(patch, commands_is_answered_at_once, is_answered_at_once)


def _look_at_leases_no_more(patch: Patch) -> None:
    def due_when_released(row: PaymentIntentState, config: ProtocolConfig) -> datetime | None:
        return None if row.lease_until is not None else due_at(row, config)

    _put_in_place(patch, due_at, due_when_released)


def _look_when_silent_only(patch: Patch) -> None:
    _put_in_place(patch, due_at, lambda row, config: row.updated_at + config.silent_after if row.is_open else None)


def _try_what_was_refused_again(patch: Patch) -> None:
    _put_in_place(patch, is_refused_before, lambda *_: False)


def _change_the_customer(patch: Patch) -> None:
    _replace_property(patch, "must_be_replaced", value=False)


def _unset_what_stays(patch: Patch) -> None:
    patch.setattr(PaymentTerms, "filled_from", lambda terms, *_: terms)


def _forget_the_refused_price(patch: Patch) -> None:
    _replace_property(patch, "is_price_refused", value=False)


def _leave_a_trace(patch: Patch) -> None:
    _put_in_place(patch, withdraw, lambda row, _: row)


def _replace_property(patch: Patch, name: str, *, value: bool) -> None:
    patch.setattr(PaymentIntentState, name, value)


def _take_what_is_adopted_for_the_newest(patch: Patch) -> None:
    _put_in_place(patch, adopt.comes_next, lambda *_: True)


def _watch_nothing_that_is_closed(patch: Patch) -> None:
    patch.setattr(PaymentIntentState, "is_watched", property(lambda _: False))


def _look_at_nothing_that_is_closed(patch: Patch) -> None:
    _put_in_place(patch, due_at, lambda row, config: due_at(row, config) if row.closed_at is None else None)


def _cancel_nothing_that_is_closed(patch: Patch) -> None:
    def retrieve_only(row: PaymentIntentState, context: Context) -> object:
        return closed_next_call(row._replace(is_cancel_requested=False), context)

    closed_next_call = closed.next_call
    _put_in_place(patch, closed_next_call, retrieve_only)


def _keep_what_is_gone(patch: Patch) -> None:
    _put_in_place(patch, record_gone, lambda *_: None)


def _open_the_next_channel_at_once(patch: Patch) -> None:
    def open_before_the_end(change: Change, newest: PaymentIntentState, run: ConvergeRun) -> Decision:
        is_other_channel = newest.is_checkout != (newest.requested_terms.checkout is not None)
        return next_step(change, change.close(newest, "replaced") if is_other_channel else newest, run)

    _put_in_place(patch, next_step, open_before_the_end)


def _give_up_what_has_not_expired(patch: Patch) -> None:
    def without_a_look(call: Call, refused: Refused) -> Consequence:
        return "give up" if isinstance(call, CancelCall) else consequence_of(call, refused)

    _put_in_place(patch, consequence_of, without_a_look)


def _take_a_paid_session_for_a_refused_price(patch: Patch) -> None:
    def without_a_look(call: Call, refused: Refused) -> Consequence:
        return "give up" if isinstance(call, UpdateCall) else consequence_of(call, refused)

    _put_in_place(patch, consequence_of, without_a_look)


def _believe_a_sessions_payment_intent(patch: Patch) -> None:
    def as_said(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentSnapshot:
        whole = as_of(row, snapshot)
        return whole._replace(is_partial=False) if isinstance(whole, PaymentOfCheckout) else whole

    _put_in_place(patch, as_of, as_said)


def _ignore_a_sessions_payment_intent(patch: Patch) -> None:
    _put_in_place(patch, as_of, lambda _, snapshot: snapshot)


def _forget_when_a_session_ends(patch: Patch) -> None:
    _put_in_place(patch, has_ended, lambda *_: False)


def _take_what_is_shown_for_what_is_requested(patch: Patch) -> None:
    patch.setattr(record, "_checkout_held", lambda row, _: row.requested_terms.checkout)


ADOPTION = "first 2 PUTs, database restored, adoption, payment"


@pytest.mark.parametrize(
    ("take_away", "name", "broken"),
    [
        (_ignore_leases, "3 PUTs, there and back", "truth"),
        (_roll_back_without_a_revision, "2 PUTs of notes, crash, processing that fails", "agree"),
        (_keep_what_was_refused, "PUT of a note, time-out, processing, job", "refused"),
        (_expire_what_is_unknown, "PUT, capture, expiry", "hold"),
        (_forget_what_is_late, "2 PUTs, 2 time-outs, payment", "agree"),
        (_trust_webhooks, "PUT, capture, expiry", "agree"),
        (_answer_at_once_while_a_request_may_arrive, "3 PUTs, 2 of the same, time-out, crash", "truth"),
        (_look_at_leases_no_more, "PUT, attach, payment", "due"),
        (_look_when_silent_only, "PUT, attach, payment", "due"),
        (_try_what_was_refused_again, "captures that are refused", "due"),
        (_change_the_customer, "PUT of another customer, payment", "stuck"),
        (_unset_what_stays, "PUT of another customer, payment", "stuck"),
        (_forget_the_refused_price, "PUT of a refused price, payment", "price"),
        (_leave_a_trace, "PUT, payment", "trace"),
        (_take_what_is_adopted_for_the_newest, ADOPTION, "one"),
        (_watch_nothing_that_is_closed, ADOPTION, "one"),
        (_look_at_nothing_that_is_closed, ADOPTION, "due"),
        (_cancel_nothing_that_is_closed, ADOPTION, "beside"),
        (_keep_what_is_gone, "2 PUTs, all deleted at Stripe, job", "due"),
        (_open_the_next_channel_at_once, "2 PUTs of 2 channels, there and back, crash, payment", "one"),
        (_give_up_what_has_not_expired, "hosted: PUT without a session, time-out, payment", "trace"),
        (_take_a_paid_session_for_a_refused_price, "elements: PUT, payment", "trace"),
        (_believe_a_sessions_payment_intent, "hosted: PUT, it ends by itself, crash, 3DS", "one"),
        (_ignore_a_sessions_payment_intent, "hosted: capture, cancel, time-out", "agree"),
        (_forget_when_a_session_ends, "hosted: 2 PUTs, it ends by itself, a lost webhook", "fresh"),
        (_take_what_is_shown_for_what_is_requested, "elements: 2 PUTs of the same price, time-out, payment", "agree"),
    ],
    ids=[
        "leases",
        "a revision of its own",
        "rolling back",
        "unknown outcomes",
        "late requests",
        "hints",
        "asking before answering",
        "a look at what has a lease",
        "a look at what needs one",
        "definite refusals",
        "another customer",
        "what can't be unset",
        "the refused price",
        "withdrawing",
        "the newest by its own right",
        "watching what is closed",
        "a look at what is closed",
        "canceling what is closed",
        "closing what is gone",
        "waiting for the end of the other channel",
        "looking at what has not expired",
        "looking at what was not updated",
        "asking about a session's PaymentIntent",
        "knowing a session's PaymentIntent",
        "the end of a session",
        "what a session was opened as",
    ],
)
def test_without_one_rule_a_promise_is_broken(
    take_away: Callable[[Patch], None], name: str, broken: str, monkeypatch: Patch
) -> None:
    take_away(monkeypatch)
    [configuration] = [each for each in SMALL + LARGE if each.name == name]
    result = explore(model_of(configuration), is_first_enough=True)
    assert set(result.traces) == {broken}


@pytest.mark.parametrize(
    ("rules", "days", "broken"),
    [
        (refunds.Rules(), 0, set()),
        (refunds.Rules(lists_first=False), 1, {"R2"}),
        (refunds.Rules(knows_metadata=False), 0, {"R3"}),
        (refunds.Rules(fails_for_good=False), 0, {"R3"}),
    ],
    ids=["all of them", "looking first", "metadata", "failing for good"],
)
def test_refunds_keep_their_promises_by_these_rules(rules: refunds.Rules, days: int, broken: set[str]) -> None:
    result = explore(refunds.model("refunds", rules, days=days), is_first_enough=True)
    assert set(result.traces) == broken
