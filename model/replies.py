"""What callers are told, and whether it was true."""

from app.payment_intents.protocol.reply import is_displaced, is_satisfied
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.steps import Answer, Answered, Done, Fail, Refused, Rejected
from model.state import Interned, State, Worker
from model.steps import Outcome
from model.stripe import TOO_SMALL

DONE, REFUSED, UNKNOWN = "200", "refused", "503"
OVERTAKEN = "refused, the other channel is newer"


def reply_of(worker: Worker, outcome: Outcome, answer: Interned[Answer] | None) -> str:
    """Answer as the service does: a PUT's caller hears whether Stripe holds what they asked for."""
    row, run = outcome.row, outcome.run.value
    match outcome.step:
        case Done() if worker.wanted is None:
            return DONE
        case Done():
            assert row is not None
            assert worker.wanted is not None
            if not is_satisfied(row, worker.wanted.value):
                return REFUSED
            if run.revision is not None and is_displaced(row, worker.wanted.value, run.revision):
                return UNKNOWN
            is_overtaken = row.is_payable and row.is_checkout != (worker.wanted.value.checkout is not None)
            return OVERTAKEN if is_overtaken else DONE
        case Rejected():
            return REFUSED
        case Fail() if answer is not None and isinstance(answer.value, Refused | Answered):
            return REFUSED  # at once, or once the state was looked at
        case _:
            return UNKNOWN


def reply(state: State, worker: Worker, outcome: Outcome, said: str) -> State:
    """Let a worker's caller hear this, and check what can be checked of it."""
    row = outcome.row
    state = state.without(worker)
    if worker.name == "SYNC" and said == DONE:
        return _check_synced(state, worker, row)
    if worker.wanted is None:
        return state
    if said in (DONE, OVERTAKEN):
        assert row is not None
        state = _check_accepted(state, worker, row, said)
    replies = state.replies
    if said == DONE:
        if worker.order and (replies.accepted is None or worker.order >= replies.accepted[0]):
            replies = replies._replace(accepted=(worker.order, worker.wanted))
    elif said == UNKNOWN:
        replies = replies._replace(is_all_known=False)
    elif said == REFUSED and worker.order and worker.order == replies.orders:
        refused = sorted({*replies.refused, worker.wanted}, key=lambda each: each.number)
        is_unwanted = worker.wanted.value.amount == TOO_SMALL or bool(state.refuses)  # else a payment was faster
        newest_refused = (worker.order, worker.wanted, isinstance(outcome.step, Fail) and is_unwanted)
        replies = replies._replace(refused=tuple(refused), newest_refused=newest_refused)
    return state._replace(replies=replies)


def _check_synced(state: State, worker: Worker, row: PaymentIntentState | None) -> State:
    if row is None or row.generation != worker.seen or not row.is_open:
        return state
    return with_untruth(state, f"fresh: {worker} was told {row.status}, though it had ended at Stripe before it asked")


def _check_accepted(state: State, worker: Worker, row: PaymentIntentState, said: str) -> State:
    if not worker.order or worker.wanted is None:
        return state
    is_newest = worker.run.value.revision is None or row.revision == worker.run.value.revision
    if said == OVERTAKEN:
        is_untrue = is_newest or row.is_rolled_back
        return with_untruth(state, f"truth: {worker} was told of {row.object_id}, and is newer") if is_untrue else state
    if not worker.seen >> (row.amount or 0) & 1:
        return with_untruth(state, f"truth: {worker} was told {row.amount}, which Stripe did not hold since it began")
    if row.amount != worker.wanted.value.amount and is_newest:
        return with_untruth(state, f"truth: {worker} was the newest, and was told {row.amount}")
    return state


def with_untruth(state: State, untruth: str) -> State:
    """Note that a promise was broken by what was just done; all goes on after that."""
    return state._replace(replies=state.replies._replace(untruth=untruth))
