"""What the runs do next, each at its point: begin, call Stripe, record the answer, or wait for a lease."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from app.references.models import Kind
from model import service, stripe
from model.configurations import Configuration
from model.desk import OK, UNKNOWN, Outcome
from model.state import TERMINAL, Answer, Budget, Row, Run, State
from model.translation import When

Next: TypeAlias = tuple[str, State]

# They have something to do while there is an open row.
SECONDARY = frozenset({"SYNC", "JOB"})


def start(state: State, run: Run) -> Iterator[Next]:
    """Begin: declare what is wanted, and decide."""
    newest = state.ours.newest(run.kind)
    row = None if newest is None else state.ours.rows[newest]
    if run.name != "PUT" and (row is None or (run.name in SECONDARY and not row.is_open)):
        return
    if run.name == "MOVE" and run.kind == "session":
        yield from _move(state, run, row)
        return
    for when, because in _moments(state, run):
        outcome = service.declare(state.ours, run, when)
        name, after = _go_on(_committed(state, run, outcome), run, outcome, f"begins{because}")
        if run.name == "EXPIRE" and newest is not None and outcome.run is not None and _is_told_hold(state, newest):
            after = lied(after, "hold: money is held, a webhook told of it, and it is cancelled as abandoned")
        yield name, after


def _move(state: State, run: Run, row: Row | None) -> Iterator[Next]:
    is_left = row is not None and row.lease and not is_alive(state, row.lease)
    outcome = service.move_row(state.ours, run, When(is_expired=bool(is_left)))
    if outcome.run is None:
        yield f"{run}: {outcome.reply}", _without(state, run)
    elif outcome.run != run:  # else it looks again
        yield f"{run} gives the row to the cart", _with(state._replace(ours=outcome.ours), outcome.run)


def _is_told_hold(state: State, newest: int) -> bool:
    """Whether money is held on a row's PaymentIntent and each webhook about it was taken in."""
    number = state.ours.rows[newest].stripe_id
    if number is None or any(told.number == number for told in state.webhooks):
        return False
    return state.intents[number].status == "requires_capture"


def _committed(state: State, run: Run, outcome: Outcome) -> State:
    """Number a PUT that wrote its request, and note what Stripe holds for the reference then."""
    number = outcome.ours.newest(run.kind)
    if run.name == "SYNC" and number is not None:
        has_ended = any(each.row == number and each.status in TERMINAL for each in state.intents)
        return _with(state, run._replace(seen=outcome.ours.rows[number].generation if has_ended else 0))
    if run.name != "PUT" or outcome.ours == state.ours or number is None:
        return state
    seen = 0
    for intent in state.intents:
        if intent.row == number:
            seen |= 1 << intent.amount
    order = state.told.orders + 1
    return _with(state._replace(told=state.told._replace(orders=order)), run._replace(order=order, seen=seen))


def _moments(state: State, run: Run) -> Iterator[tuple[When, str]]:
    """Give the times at which it matters to look: an owner who is gone may have been so for long enough, or not."""
    yield When(), ""
    newest = state.ours.newest(run.kind)
    if newest is None:
        return
    row = state.ours.rows[newest]
    if row.revision != run.revision and not any(each.revision == row.revision for each in state.runs):
        yield When(is_owner_gone=True), ", long after the newest request"


def _go_on(state: State, run: Run, outcome: Outcome, what: str) -> Next:
    """Take what a transaction left."""
    state = state._replace(ours=outcome.ours)
    run = next(each for each in state.runs if each.number == run.number)
    if outcome.run is None:
        return f"{run} {what}: {outcome.reply}", _reply(state, run, outcome)
    after = outcome.run._replace(order=run.order, seen=run.seen)
    what = f"{what}: waits" if after.call is None else f"{what}: will {_say(after)}"
    return f"{run} {what}", _with(state, after)


def _say(run: Run) -> str:
    assert run.call is not None
    changes = ", ".join(f"{name} {value}" for name, value in run.call.changes if value is not None)
    revision = f" at revision {run.call.revision}" if run.call.revision else ""
    return f"{run.call.name} row {run.call.row}{revision} {changes}".rstrip()


def _reply(state: State, run: Run, outcome: Outcome) -> State:
    told, row = state.told, outcome.row
    state = _without(state, run)
    if run.name == "SYNC" and outcome.reply == OK:
        return _check_synced(state, run, row)
    if run.name != "PUT":
        return state
    assert run.wanted is not None
    if outcome.reply == OK:
        assert row is not None
        state = _check_accepted(state, run, row)
        told = state.told
        if run.order and (told.accepted is None or run.order > told.accepted[0]):
            told = told._replace(accepted=(run.order, run.wanted))
    elif outcome.reply == UNKNOWN:
        told = told._replace(is_all_known=False)
    elif run.order and run.order == told.orders:
        told = told._replace(refused=tuple(sorted({*told.refused, run.wanted}, key=str)))
    return state._replace(told=told)


def _check_synced(state: State, run: Run, row: Row | None) -> State:
    if row is None or row.generation != run.seen or row.status in TERMINAL:
        return state
    return lied(state, f"fresh: {run} was told {row.status}, though it had ended at Stripe before it asked")


def _check_accepted(state: State, run: Run, row: Row) -> State:
    assert run.wanted is not None
    if not run.order:
        return state
    if not run.seen >> (row.amount or 0) & 1:
        return lied(state, f"truth: {run} was told {row.amount}, which Stripe did not hold since it began")
    if row.amount != run.wanted.amount and row.revision == run.revision:
        return lied(state, f"truth: {run} was the newest, and was told {row.amount}")
    return state


def lied(state: State, lie: str) -> State:
    """Note that a promise was broken by what was just done; all goes on after that."""
    return state._replace(told=state.told._replace(lie=lie))


def call(state: State, run: Run) -> Iterator[Next]:
    """Let the call reach Stripe, or not, or not yet."""
    assert run.call is not None
    done, answer = stripe.execute(state, run.call, run.name)
    yield f"Stripe does {run}'s {run.call.name}: {tell(answer)}", _heard(done, run, answer)
    if state.budget.crash:
        yield f"{run} crashes with its {run.call.name} on its way", _gone(_sent(spend(state, "crash"), run), run)
    if state.budget.time_out:
        late = _sent(spend(state, "time_out"), run)
        yield f"{run}'s {run.call.name} times out on its way", _heard(late, run, Answer("unknown"))
    if state.budget.give_up:
        outcome = service.let_go(state.ours, run, is_in_doubt=False)
        yield _go_on(spend(state, "give_up"), run, outcome, "has no time left")
    if answer.name == "unexpected state" and state.budget.hide:
        hidden = _heard(spend(done, "hide"), run, Answer("unexpected state"))
        yield f"Stripe refuses {run}'s {run.call.name} without saying why", hidden
    if run.call.name == "create":
        yield from _odd_create(state, done, run)


def _odd_create(state: State, done: State, run: Run) -> Iterator[Next]:
    assert run.call is not None
    is_known = any(row == run.call.row for row, _ in state.keys)
    if is_known and state.budget.take_key:
        yield f"{run}'s key had other parameters", _heard(spend(state, "take_key"), run, Answer("key taken"))
    if not is_known and state.budget.fail:
        for is_done, after in ((True, done), (False, state)):
            failed = stripe.remember(spend(after, "fail"), run.call.row, stripe.STORED_FAILURE)
            what = "is done" if is_done else "is not done"
            yield f"Stripe answers {run}'s create 500 for good; it {what}", _heard(failed, run, Answer("unknown"))


def tell(answer: Answer) -> str:
    if answer.snapshot is None:
        return answer.name
    number, intent, is_replay = answer.snapshot
    return f"{answer.name} pi_{number} {intent.status} {intent.amount}{' (a replay)' if is_replay else ''}"


def answer(state: State, run: Run) -> Iterator[Next]:
    """Record what Stripe said, or lose it."""
    assert run.answer is not None
    for when, because in _moments(state, run):
        yield _go_on(state, run, recorded(state, run, run.answer, when), f"records {run.answer.name}{because}")
    if state.budget.crash:
        yield f"{run} crashes, its answer is lost", _gone(spend(state, "crash"), run)
    if state.budget.time_out and run.answer.name != "unknown":
        yield f"{run}'s answer is lost", _heard(spend(state, "time_out"), run, Answer("unknown"))


def recorded(state: State, run: Run, answer: Answer, when: When) -> Outcome:
    """Make the transaction that the answer calls for."""
    match answer:
        case Answer("refused"):
            return service.refused(state.ours, run, when)
        case Answer("unknown"):
            return service.let_go(state.ours, run, is_in_doubt=True)
        case Answer("failure from memory"):
            return service.failed(state.ours, run, when)
        case Answer("key taken" | "unexpected state", None):
            return service.unclear(state.ours, run, when)
        case _:
            return service.answered(state.ours, run, answer.snapshot, when)


def wait(state: State, run: Run, configuration: Configuration) -> Iterator[Next]:
    """Look again once the lease is free, or has run out."""
    newest = state.ours.newest(run.kind)
    holder = 0 if newest is None else state.ours.rows[newest].lease
    if state.budget.give_up:
        undone = Outcome(state.ours, None, UNKNOWN)
        yield _go_on(spend(state, "give_up"), run, undone, "waits no longer")
    for when, because in _moments(state, run):
        if not holder:
            outcome = service.look(state.ours, run, when)
            looked = _go_on(state, run, outcome, f"looks again{because}")
            yield looked
            if outcome.reply == OK:
                yield from _share(looked, run.kind)
            continue
        if configuration.is_late_harmless and state.late:
            continue
        if not is_alive(state, holder):
            outcome = service.look(state.ours, run, when._replace(is_expired=True))
            yield _go_on(state, run, outcome, f"takes the lease that {holder} left{because}")
        elif state.budget.steal:
            outcome = service.look(state.ours, run, when._replace(is_expired=True))
            yield _go_on(spend(state, "steal"), run, outcome, f"takes the lease of {holder}, which sleeps{because}")


def _share(looked: Next, kind: Kind) -> Iterator[Next]:
    """Let another who waits in the same process take what was found settled. All of them may, one after the other."""
    what, state = looked
    number = state.ours.newest(kind)
    for run in state.runs:
        if number is None or run.point != "wait" or run.kind != kind:
            continue
        if service.is_content_with(state.ours, run, number):
            name, shared = _go_on(state, run, service.told(state.ours, run, number), "takes what was found")
            yield f"{what}; {name}", shared
            yield from _share((f"{what}; {name}", shared), kind)


# Small changes.


def spend(state: State, name: str) -> State:
    """Take one from a budget."""
    return state._replace(budget=_less(state.budget, name))


@lru_cache(None)
def _less(budget: Budget, name: str) -> Budget:
    return budget._replace(**{name: getattr(budget, name) - 1})


def is_alive(state: State, number: int) -> bool:
    """Whether the holder of a lease is still at work."""
    return any(run.number == number for run in state.runs)


def _with(state: State, run: Run) -> State:
    return state._replace(runs=tuple(run if each.number == run.number else each for each in state.runs))


def _without(state: State, run: Run) -> State:
    return state._replace(runs=tuple(each for each in state.runs if each.number != run.number))


def _gone(state: State, run: Run) -> State:
    """Let a process die: its callers hear nothing."""
    told = state.told._replace(is_all_known=state.told.is_all_known and run.name != "PUT")
    return _without(state, run)._replace(told=told)


def _sent(state: State, run: Run) -> State:
    assert run.call is not None
    return state._replace(late=tuple(sorted((*state.late, (run.call, run.name)), key=str)))


def _heard(state: State, run: Run, answer: Answer) -> State:
    """Let an answer be on its way back; what a run saw at Stripe meanwhile is in the state."""
    run = next(each for each in state.runs if each.number == run.number)
    return _with(state, run._replace(point="answer", answer=answer))
