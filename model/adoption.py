"""Who brings back what a restored backup lacks, and ends at Stripe what is closed here: one worker, again and again."""

from collections.abc import Iterator

from app.payment_intents.protocol.steps import Answered
from model import steps
from model.state import NOW, Intent, State, Worker, intern
from model.workers import Next, with_worker


def start(state: State, worker: Worker) -> Iterator[Next]:
    """Retrieve what is missing here, or make the next call about a closed row."""
    for intent in state.missing:
        retrieved = worker._replace(point="answer", answer=intern(Answered(intent)))
        yield f"{worker} retrieves {intent.id}, which is missing here", with_worker(state, retrieved)
    if (due := steps.next_of_closed(state.ours, NOW)) is not None:
        _, call = due
        yield f"{worker} will make {call}", with_worker(state, worker._replace(point="call", call=call))


def answer(state: State, worker: Worker) -> Iterator[Next]:
    """Adopt what was retrieved, or record how the call ended. What was retrieved may be old by now."""
    assert worker.answer is not None
    if worker.call is not None:
        ours, what = steps.record_closed(state.ours, worker.call, worker.answer), f"records {worker.answer}"
    else:
        assert isinstance(worker.answer.value, Answered)
        shown = worker.answer.value.snapshot
        assert isinstance(shown, Intent)
        ours, what = steps.adopt(state.ours, shown), f"adopts {worker.answer}"
    idle = worker._replace(point="start", call=None, answer=None)
    yield f"{worker} {what}", with_worker(state._replace(ours=ours), idle)
