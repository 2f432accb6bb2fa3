"""What the workers do next, each at its point: begin, call Stripe, record the answer, or wait for a lease."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from app.payment_intents.protocol import steps as protocol
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.steps import Answer, CreateCall, Done, GiveUp, Rejected, Wait
from app.payment_intents.protocol.terms import Kind
from model import steps, stripe
from model.checkout import ENDS_AT
from model.configuration import Configuration
from model.replies import DONE, reply, reply_of, with_untruth
from model.state import GONE, NOW, STRIPE, TERMINAL, Budget, Interned, State, Worker, intern
from model.steps import A_MINUTE_LATER, LEASE_OVER, OWNER_GONE, Outcome

Next: TypeAlias = tuple[str, State]

# They have something to do while there is an open row.
SECONDARY = frozenset({"SYNC", "JOB"})


def start(state: State, worker: Worker) -> Iterator[Next]:
    """Begin: write what is asked for, and decide."""
    row = state.newest(worker.kind)
    if worker.name != "PUT" and (row is None or (worker.name in SECONDARY and not row.is_open)):
        return
    if worker.name == "ATTACH" and worker.kind == "session":
        yield from _attach(state, worker)
        return
    for now, when in _moments_to_begin(state, worker):
        outcome = _begun(state, worker, now)
        name, after = _go_on(_committed(state, worker, outcome), worker, outcome, f"begins{when}")
        if worker.name == "EXPIRE" and not isinstance(outcome.step, Done) and _is_known_hold(state, row):
            after = with_untruth(after, "hold: money is held, a webhook said so, and it is canceled as abandoned")
        if (
            worker.name == "PUT"
            and isinstance(outcome.step, Done)
            and row
            and row.is_payable
            and _has_expired(state, row)
        ):
            after = with_untruth(after, f"fresh: {worker} was handed {row.checkout_id}, whose time was over")
        yield name, after


def _begun(state: State, worker: Worker, now: datetime) -> Outcome:
    return steps.begin(state.ours, worker.kind, worker.name, worker.wanted, worker.run, now)


def _attach(state: State, worker: Worker) -> Iterator[Next]:
    is_left = _is_left(state, state.newest("session"))
    after = steps.attach_to_cart(state.ours, LEASE_OVER if is_left else NOW)
    if isinstance(after, Rejected):
        yield f"{worker}: {after.reason}", state.without(worker)
    elif not isinstance(after, Wait):
        ours = after if isinstance(after, Interned) else state.ours
        yield f"{worker} makes it the cart's", with_worker(state._replace(ours=ours), worker._replace(kind="cart"))


def _is_known_hold(state: State, row: PaymentIntentState | None) -> bool:
    """Whether money is held on a row's PaymentIntent and each webhook about it was taken in."""
    held = {intent.id for intent in state.intents if intent.status == "requires_capture"}
    return row is not None and row.object_id in held - {webhook.value.id for webhook in state.webhooks}


def _committed(state: State, worker: Worker, outcome: Outcome) -> State:
    """Number a PUT as its request is committed, and note what Stripe holds for the reference then.

    One that was answered at once counts as the request that stands already.
    """
    row = outcome.ours.value.of(worker.kind).newest
    if row is None or worker.name not in {"PUT", "SYNC"}:
        return state
    held = [intent for intent in state.intents if intent.row == row.id.int]
    if worker.name == "SYNC":
        has_ended = any(intent.status in TERMINAL - {GONE} for intent in held)
        return with_worker(state, worker._replace(seen=row.generation if has_ended else 0))
    is_written = outcome.ours is not state.ours
    if not is_written and not (isinstance(outcome.step, Done) and row.is_payable):
        return state
    order, seen = state.replies.orders + is_written, 0
    for intent in held:
        seen |= 1 << intent.amount
    state = state._replace(replies=state.replies._replace(orders=order))
    return with_worker(state, worker._replace(order=order, seen=seen))


def _moments(state: State, worker: Worker, now: datetime = NOW) -> Iterator[tuple[datetime, str]]:
    """Yield the times at which it matters to look: an owner who is gone may have been so for long enough, or not."""
    yield now, ""
    row = state.newest(worker.kind)
    if row is not None and row.revision != worker.run.value.revision and not _has_owner(state, row):
        yield OWNER_GONE, ", long after the newest request"


def _moments_to_begin(state: State, worker: Worker) -> Iterator[tuple[datetime, str]]:
    """Yield as well the time when a PUT that changes nothing counts as activity."""
    row = state.newest(worker.kind)
    if row is not None and row.lease_token is None and _has_expired(state, row):
        yield ENDS_AT, ", after the session's end"
        return
    moments = list(_moments(state, worker))
    if row is not None and row.lease_token is not None:
        yield NOW, ""  # it waits, whenever that is
        return
    if worker.name == "PUT" and len(moments) == 1 and _begun(state, worker, NOW).ours is state.ours:
        moments.append((A_MINUTE_LATER, ", a minute later"))
    yield from moments


def _has_expired(state: State, row: PaymentIntentState) -> bool:
    """Whether a row's Checkout Session was open for as long as Stripe allows."""
    return any(each.id == row.checkout_id and each.ended_by == STRIPE for each in state.intents)


def _has_owner(state: State, row: PaymentIntentState) -> bool:
    return any(each.run.value.revision == row.revision for each in state.workers)


def _go_on(state: State, worker: Worker, outcome: Outcome, what: str, answer: Interned[Answer] | None = None) -> Next:
    """Take what a step left; `answer` is how the call ended that it recorded."""
    state = state._replace(ours=outcome.ours)
    worker = _same(state, worker)
    if outcome.call is not None:
        after = worker._replace(run=outcome.run, point="call", call=outcome.call, answer=None)
        return f"{worker} {what}: will make {outcome.call}", with_worker(state, after)
    if isinstance(outcome.step, Wait):
        after = worker._replace(run=outcome.run, point="wait", call=None, answer=None)
        return f"{worker} {what}: waits", with_worker(state, after)
    said = reply_of(worker, outcome, answer)
    return f"{worker} {what}: {said}", reply(state, worker, outcome, said)


def call(state: State, worker: Worker) -> Iterator[Next]:
    """Let the call reach Stripe, or not, or not yet."""
    assert worker.call is not None
    made = worker.call.value
    name = f"{worker}'s {type(made).__name__}"
    done, answer, is_refusal = stripe.execute(state, worker.call, worker.name)
    yield f"Stripe does {name}: {answer}", _answered(done, worker, answer)
    if state.budget.crash:
        yield f"{worker} crashes with its call on its way", _gone(_sent(spend(state, "crash"), worker), worker)
    if state.budget.time_out:
        late = _sent(spend(state, "time_out"), worker)
        yield f"{name} times out on its way", _answered(late, worker, intern(protocol.Unknown()))
    if state.budget.give_up:
        outcome = steps.give_up(state.ours, worker.kind, worker.run)
        yield _go_on(spend(state, "give_up"), worker, outcome, "has no time left")
    if is_refusal and state.budget.hide:
        hidden: Answer = protocol.Refused(stripe.UNEXPECTED_STATE)
        yield f"Stripe refuses {name} without saying why", _answered(spend(done, "hide"), worker, intern(hidden))
    if isinstance(made, CreateCall):
        yield from _odd_create(state, done, worker, made)


def _odd_create(state: State, done: State, worker: Worker, made: CreateCall) -> Iterator[Next]:
    is_known = any(key == made.key for key, _ in state.keys)
    if is_known and state.budget.take_key:
        conflict: Answer = protocol.KeyConflict()
        yield f"{worker}'s key had other parameters", _answered(spend(state, "take_key"), worker, intern(conflict))
    if not is_known and state.budget.fail:
        for what, after in (("is done", done), ("is not done", state)):
            failed = stripe.remember(spend(after, "fail"), made.key, intern(protocol.ReplayedFailure()))
            yield (
                f"Stripe answers {worker}'s create 500 for good; it {what}",
                _answered(failed, worker, intern(protocol.Unknown())),
            )


def answer(state: State, worker: Worker) -> Iterator[Next]:
    """Record what Stripe said, or lose it."""
    assert worker.answer is not None
    said = worker.answer.value
    row = state.newest(worker.kind)
    is_lost = row is not None and row.lease_token not in (None, worker.run.value.token)
    for now, when in [(NOW, "")] if is_lost else _moments(state, worker):
        outcome = recorded(state, worker, worker.answer, now)
        yield _go_on(state, worker, outcome, f"records {worker.answer}{when}", worker.answer)
    if state.budget.crash:
        yield f"{worker} crashes, its answer is lost", _gone(spend(state, "crash"), worker)
    if state.budget.time_out and not isinstance(said, protocol.Unknown):
        yield f"{worker}'s answer is lost", _answered(spend(state, "time_out"), worker, intern(protocol.Unknown()))


def recorded(state: State, worker: Worker, answer: Interned[Answer], now: datetime) -> Outcome:
    assert worker.call is not None
    return steps.record_answer(state.ours, worker.kind, worker.run, worker.call, answer, now)


def wait(state: State, worker: Worker, configuration: Configuration) -> Iterator[Next]:
    """Look again once the lease is free, or has run out."""
    row = state.newest(worker.kind)
    if state.budget.give_up:
        outcome = Outcome(state.ours, worker.run, GiveUp(), None, None)
        yield _go_on(spend(state, "give_up"), worker, outcome, "waits no longer")
    if row is None or row.lease_token is None:
        yield from _look(state, worker)
    elif configuration.is_late_harmless and state.late:
        return
    elif _is_left(state, row) or state.budget.steal:
        what = "takes the lease of one who is gone"
        if not _is_left(state, row):
            state, what = spend(state, "steal"), "takes the lease of one who sleeps"
        for now, when in _moments(state, worker, LEASE_OVER):
            outcome = steps.look_again(state.ours, worker.kind, worker.run, now)
            yield _go_on(state, worker, outcome, f"{what}{when}")


def _look(state: State, worker: Worker) -> Iterator[Next]:
    for now, when in _moments(state, worker):
        outcome = steps.look_again(state.ours, worker.kind, worker.run, now)
        looked = _go_on(state, worker, outcome, f"looks again{when}")
        yield looked
        if isinstance(outcome.step, Done) and reply_of(worker, outcome, None) == DONE:
            yield from _share(looked, worker.kind)


def _share(looked: Next, kind: Kind) -> Iterator[Next]:
    """Let another who waits in the same process take what was found agreed. All of them may, one after the other."""
    what, state = looked
    for worker in state.workers:
        if worker.point != "wait" or worker.kind != kind:
            continue
        if steps.is_answered_by(state.ours, kind, worker.run):
            found = Outcome(state.ours, worker.run, Done(), None, state.newest(kind))
            name, shared = _go_on(state, worker, found, "takes what was found")
            yield f"{what}; {name}", shared
            yield from _share((f"{what}; {name}", shared), kind)


# Small changes.


def spend(state: State, name: str) -> State:
    """Take one from a budget."""
    return state._replace(budget=_less(state.budget, name))


@lru_cache(None)
def _less(budget: Budget, name: str) -> Budget:
    return budget._replace(**{name: getattr(budget, name) - 1})


def _is_left(state: State, row: PaymentIntentState | None) -> bool:
    """Whether the holder of a row's lease is at work no more."""
    if row is None or row.lease_token is None:
        return False
    return not any(worker.number == row.lease_token.int for worker in state.workers)


def _same(state: State, worker: Worker) -> Worker:
    return next(each for each in state.workers if each.number == worker.number)


def with_worker(state: State, worker: Worker) -> State:
    workers = tuple(worker if each.number == worker.number else each for each in state.workers)
    return state._replace(workers=workers)


def _gone(state: State, worker: Worker) -> State:
    """Let a process die: its callers hear nothing."""
    is_all_known = state.replies.is_all_known and worker.name != "PUT"
    return state.without(worker)._replace(replies=state.replies._replace(is_all_known=is_all_known))


def _sent(state: State, worker: Worker) -> State:
    assert worker.call is not None
    late = sorted((*state.late, (worker.call, worker.name)), key=lambda each: (each[0].number, each[1]))
    return state._replace(late=tuple(late))


def _answered(state: State, worker: Worker, answer: Interned[Answer]) -> State:
    """Let an answer be on its way back; what a PUT saw at Stripe meanwhile is in the state."""
    return with_worker(state, _same(state, worker)._replace(point="answer", answer=answer))
