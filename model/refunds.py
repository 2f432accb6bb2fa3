"""How the refunds of one payment of 2 are written: at the same time, with crashes, and with the dashboard's own.

Unlike the rest, these rules are written down again here: app/refunds/recording.py and finishing.py say them in
queries. R1: never is more counted than was received. R2: one request is one refund at Stripe. R3: once quiet, both
sides count the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from model.explore import Model

T = TypeVar("T")

TOTAL = 2
DASHBOARD = -1
COUNTED = frozenset({"succeeded", None})  # None is reserved: the outcome is not known


class Refund(NamedTuple):
    """A row of ours; None is a status that is not known yet."""

    amount: int
    status: str | None
    stripe_id: int | None = None


class AtStripe(NamedTuple):
    """A refund at Stripe, with the row in its metadata."""

    amount: int
    status: str
    row: int


class RefundRun(NamedTuple):
    """A request or a job at work on a row. Its point is "start", "list", "call" or "answer"."""

    name: str
    amount: int
    row: int
    point: str
    answer: int | None = None


class State(NamedTuple):
    """All of it at one moment; an answer that Stripe keeps for a key is a refund's number, None is a "no"."""

    rows: tuple[Refund, ...] = ()
    refunds: tuple[AtStripe, ...] = ()
    keys: tuple[tuple[int, int | None], ...] = ()
    late: tuple[int, ...] = ()
    webhooks: tuple[tuple[int, str], ...] = ()
    runs: tuple[RefundRun, ...] = ()
    crashes: int = 1
    dashboards: int = 1
    failures: int = 1
    jobs: int = 1
    days: int = 0


@dataclass(frozen=True)
class Rules:
    """What Stripe does with a refusal, and which rules of ours are kept: a test switches them off."""

    is_refusal_stored: bool = False
    lists_first: bool = True
    knows_metadata: bool = True
    fails_for_good: bool = True


def models() -> Iterator[Model[State]]:
    """Return what is to be explored."""
    yield model("refunds: 2 requests, crash, dashboard, failure, job", Rules())
    yield model("refunds: 2 requests, crash, a day", Rules(), days=1)
    yield model("refunds: 2 requests, crash, a refusal that is stored", Rules(is_refusal_stored=True))


def model(name: str, rules: Rules, *, days: int = 0) -> Model[State]:
    """Return one with these rules."""
    runs = (RefundRun("refund", 2, -1, "start"), RefundRun("refund", 1, -1, "start"))
    return Model(
        name, lambda: State(runs=runs, days=days), partial(successors, rules=rules), partial(broken, rules=rules)
    )


def successors(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    """Yield everything that can happen next, with its name."""
    for run in state.runs:
        yield from _run(_without(state, run), run, rules)
    for number, row in enumerate(state.late):
        rest = state._replace(late=state.late[:number] + state.late[number + 1 :])
        yield f"the late refund of row {row} never arrives", rest
        yield f"the late refund of row {row} arrives", _create(rest, row, rules)[0]
    for number, (stripe_id, status) in enumerate(state.webhooks):
        rest = state._replace(webhooks=state.webhooks[:number] + state.webhooks[number + 1 :])
        yield f"webhook re_{stripe_id} {status}", record(rest, stripe_id, status, rules)
    yield from _others(state)


def _run(state: State, run: RefundRun, rules: Rules) -> Iterator[tuple[str, State]]:
    """Let a run, which is taken out of the state, go on."""
    match run.point:
        case "start":
            if _counted(state, is_reserved=True) + run.amount > TOTAL:
                yield f"refund of {run.amount}: 409", state
                return
            rows = (*state.rows, Refund(run.amount, None))
            reserved = run._replace(row=len(state.rows), point="call")
            yield f"refund of {run.amount} is reserved", _with(state._replace(rows=rows), reserved)
        case "list":
            state = _list(state, rules)
            is_known = state.rows[run.row].status is not None
            yield f"the job lists row {run.row}", state if is_known else _with(state, run._replace(point="call"))
        case "call":
            done, answer = _create(state, run.row, rules)
            yield f"Stripe refunds row {run.row}: {answer}", _with(done, run._replace(point="answer", answer=answer))
            if state.crashes:
                late = state._replace(crashes=state.crashes - 1, late=(*state.late, run.row))
                yield f"row {run.row}: a crash with its request on its way", late
        case _:
            yield f"row {run.row} records {run.answer}", _answer(state, run, rules)
            if state.crashes:
                yield f"row {run.row}: a crash, its answer is lost", state._replace(crashes=state.crashes - 1)


def _others(state: State) -> Iterator[tuple[str, State]]:
    if state.jobs:
        for number, row in enumerate(state.rows):
            if row.status is None and not any(run.row == number for run in state.runs):
                job = RefundRun("job", row.amount, number, "list")
                yield f"a job takes row {number}", _with(state._replace(jobs=state.jobs - 1), job)
    if state.dashboards and _refunded(state) < TOTAL:
        refunds = (*state.refunds, AtStripe(1, "succeeded", DASHBOARD))
        yield (
            "the dashboard refunds 1",
            _send_webhook(state._replace(refunds=refunds, dashboards=0), len(state.refunds)),
        )
    for number, refund in enumerate(state.refunds):
        if state.failures and refund.status == "succeeded":
            failed = _put(state.refunds, number, refund._replace(status="failed"))
            yield (
                f"re_{number} fails",
                _send_webhook(state._replace(refunds=failed, failures=state.failures - 1), number),
            )
    if state.days and not state.late and all(run.point == "start" for run in state.runs):
        yield "a day passes, and Stripe forgets its keys", state._replace(keys=(), days=0)


def _create(state: State, row: int, rules: Rules) -> tuple[State, int | None]:
    known = dict(state.keys)
    if row in known:
        return state, known[row]
    amount, answer = state.rows[row].amount, None
    if _refunded(state) + amount <= TOTAL:
        answer = len(state.refunds)
        state = _send_webhook(state._replace(refunds=(*state.refunds, AtStripe(amount, "succeeded", row))), answer)
    elif not rules.is_refusal_stored:
        return state, None
    return state._replace(keys=(*state.keys, (row, answer))), answer


def _answer(state: State, run: RefundRun, rules: Rules) -> State:
    """Take the answer; a replay shows the first one. What was refused has all of them listed, by a job."""
    if run.answer is not None:
        return record(state, run.answer, "succeeded", rules)
    row = state.rows[run.row]
    if row.status is None:
        state = state._replace(rows=_put(state.rows, run.row, row._replace(status="refused")))
    return state


def _list(state: State, rules: Rules) -> State:
    for number, refund in enumerate(state.refunds if rules.lists_first else ()):
        state = record(state, number, refund.status, rules)
    return state


def record(state: State, number: int, status: str, rules: Rules) -> State:
    """Match by Stripe's id, else by ours on a row that has none, else adopt; what failed stays so."""
    refund = state.refunds[number]
    found = next((n for n, row in enumerate(state.rows) if row.stripe_id == number), None)
    if found is None and rules.knows_metadata and refund.row != DASHBOARD and state.rows[refund.row].stripe_id is None:
        found = refund.row
    if found is None:
        return state._replace(rows=(*state.rows, Refund(refund.amount, status, number)))
    row = state.rows[found]
    if row.status == "failed" and rules.fails_for_good:
        return state
    return state._replace(rows=_put(state.rows, found, row._replace(status=status, stripe_id=number)))


def broken(state: State, rules: Rules) -> Iterator[str]:
    """Yield which promises a state breaks."""
    has_failed = any(refund.status == "failed" for refund in state.refunds)
    if _counted(state, is_reserved=False) > TOTAL and not has_failed:
        yield f"R1: {_counted(state, is_reserved=False)} count as refunded of {TOTAL}"
    if not (state.runs or state.late or state.webhooks):
        state = _sweep(state, rules)
        if _counted(state, is_reserved=True) != _refunded(state):
            yield f"R3: {_counted(state, is_reserved=True)} count as refunded here, {_refunded(state)} at Stripe"
    made_for = [refund.row for refund in state.refunds if refund.row != DASHBOARD]
    if len(made_for) != len(set(made_for)):
        yield "R2: one request was refunded twice"


def _sweep(state: State, rules: Rules) -> State:
    """Let the sweep finish what is open."""
    for number in range(len(state.rows)):
        state = _list(state, rules) if state.rows[number].status is None else state
        if state.rows[number].status is None:
            state, answer = _create(state, number, rules)
            state = _answer(state, RefundRun("job", 0, number, "answer", answer), rules)
    return state


def _refunded(state: State) -> int:
    return sum(refund.amount for refund in state.refunds if refund.status != "failed")


def _counted(state: State, *, is_reserved: bool) -> int:
    return sum(row.amount for row in state.rows if row.status in COUNTED and (is_reserved or row.status is not None))


def _send_webhook(state: State, number: int) -> State:
    webhook = (number, state.refunds[number].status)
    return state._replace(webhooks=tuple(sorted((*state.webhooks, webhook))))


def _put(items: tuple[T, ...], number: int, item: T) -> tuple[T, ...]:
    return (*items[:number], item, *items[number + 1 :])


def _with(state: State, run: RefundRun) -> State:
    return state._replace(runs=tuple(sorted((*state.runs, run), key=str)))


def _without(state: State, run: RefundRun) -> State:
    runs = list(state.runs)
    runs.remove(run)
    return state._replace(runs=tuple(runs))
