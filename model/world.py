"""All that can happen next: the runs' steps, what is late, webhooks, the shopper, crashes, and time."""

from collections.abc import Iterator

from model import runs, service, stripe
from model.configurations import Configuration
from model.runs import Next, spend
from model.state import FREE, Rows, Snapshot, State


def successors(state: State, configuration: Configuration) -> Iterator[Next]:
    """Give everything that can happen next, with its name."""
    if state.told.lie:  # it was told, and all goes on
        state = runs.lied(state, "")
    for run in state.runs:
        match run.point:
            case "start":
                yield from runs.start(state, run)
            case "call":
                yield from runs.call(state, run)
            case "answer":
                yield from runs.answer(state, run)
            case _:
                yield from runs.wait(state, run, configuration)
    yield from _late(state)
    yield from _webhooks(state)
    yield from _shopper(state, configuration)
    yield from _misfortune(state, configuration)


def _late(state: State) -> Iterator[Next]:
    for number, (call, who) in enumerate(state.late):
        rest = state._replace(late=state.late[:number] + state.late[number + 1 :])
        yield f"a late {call.name} never arrives", rest
        done, answer = stripe.execute(rest, call, who)
        yield f"a late {call.name} lands: {runs.tell(answer)}", done


def _webhooks(state: State) -> Iterator[Next]:
    for number, told in enumerate(state.webhooks):
        if told in state.webhooks[:number]:
            continue
        rest = state._replace(webhooks=state.webhooks[:number] + state.webhooks[number + 1 :])
        what = f"webhook pi_{told.number} {told.intent.status} {told.intent.amount}"
        row = _named(state.ours, told)
        taken = rest if row is None else rest._replace(ours=service.hint(rest.ours, row, told))
        yield what, taken
        if state.budget.repeat:
            yield f"{what}, which will come again", spend(taken, "repeat")._replace(webhooks=state.webhooks)
        if state.budget.lose:
            yield f"{what} is lost", spend(rest, "lose")


def _named(ours: Rows, told: Snapshot) -> int | None:
    """Find the row by Stripe's id, or by ours if it has none yet."""
    for number, row in enumerate(ours.rows):
        if row.stripe_id == told.number or (row.stripe_id is None and number == told.intent.row):
            return number
    return None


def _shopper(state: State, configuration: Configuration) -> Iterator[Next]:
    for number, intent in enumerate(state.intents):
        if intent.status == "processing":
            yield from _confirmed(state, number, ("succeeded", "requires_payment_method"))
        is_shown = any(row.stripe_id == number for row in state.ours.rows)
        if state.budget.confirm and intent.status in FREE and is_shown:
            yield from _confirmed(spend(state, "confirm"), number, configuration.shopper)


def _confirmed(state: State, number: int, statuses: tuple[str, ...]) -> Iterator[Next]:
    intent = state.intents[number]
    for status in statuses:
        if status == intent.status == "requires_action":
            continue
        received = intent.amount if status == "succeeded" else 0
        after = stripe.change(state, number, intent._replace(status=status, received=received))
        after = stripe.tell(after, number) if status == intent.status else after  # a decline
        yield f"the shopper confirms pi_{number} of {intent.amount}: {status}", after


def _misfortune(state: State, configuration: Configuration) -> Iterator[Next]:
    budget = state.budget
    if budget.dashboard:
        for number, intent in enumerate(state.intents):
            if intent.status in FREE:
                ended = intent._replace(status="canceled", ended_by="dashboard")
                yield f"the dashboard cancels pi_{number}", stripe.change(spend(state, "dashboard"), number, ended)
    is_still = not state.late and all(run.point == "start" for run in state.runs)
    if is_still and budget.day:
        rows = tuple(row._replace(is_old=True) for row in state.ours.rows)
        aged = spend(state, "day")._replace(ours=state.ours._replace(rows=rows), keys=())
        yield "a day passes, and Stripe forgets its keys", aged
    if is_still and budget.restore:
        backup = configuration.begin().ours
        if state.ours != backup:
            yield "the database is restored from its backup", spend(state, "restore")._replace(ours=backup)
