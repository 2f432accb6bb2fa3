"""All that can happen next: the workers' steps, what is late, webhooks, the shopper, crashes, and time."""

from collections.abc import Iterator

from model import adoption, checkout, steps, stripe, workers
from model.configuration import Configuration
from model.replies import with_untruth
from model.state import CAN_CHANGE, NOW, STRIPE, Intent, State, distinct, without
from model.workers import Next, spend


def successors(state: State, configuration: Configuration) -> Iterator[Next]:
    """Yield everything that can happen next, with its name."""
    if state.replies.untruth:  # it was said, and all goes on
        state = with_untruth(state, "")
    for worker in state.workers:
        match worker.point:
            case "start" if worker.name == "ADOPT":
                yield from adoption.start(state, worker)
            case "answer" if worker.name == "ADOPT":
                yield from adoption.answer(state, worker)
            case "start":
                yield from workers.start(state, worker)
            case "call":
                yield from workers.call(state, worker)
            case "answer":
                yield from workers.answer(state, worker)
            case _:
                yield from workers.wait(state, worker, configuration)
    yield from _late(state)
    yield from _webhooks(state, configuration)
    yield from _shopper(state, configuration)
    yield from _misfortune(state)


def _late(state: State) -> Iterator[Next]:
    for number, (call, who) in distinct(state.late):
        rest = state._replace(late=without(state.late, number))
        yield f"a late {call} never arrives", rest
        done, answer, _ = stripe.execute(rest, call, who)
        yield f"a late {call} arrives: {answer}", done


def _webhooks(state: State, configuration: Configuration) -> Iterator[Next]:
    for number, webhook in distinct(state.webhooks):
        if configuration.has_adoption and webhook.value in state.missing:
            continue  # it is sent again until it finds a row
        rest = state._replace(webhooks=without(state.webhooks, number))
        for told in checkout.told(webhook):
            what = f"webhook {told}"
            taken = rest._replace(ours=steps.take_webhook(rest.ours, told))
            yield what, taken
            if state.budget.repeat:
                yield f"{what}, which will come again", spend(taken, "repeat")._replace(webhooks=state.webhooks)
        if state.budget.lose:
            yield f"webhook {webhook} is lost", spend(rest, "lose")


def _shopper(state: State, configuration: Configuration) -> Iterator[Next]:
    for intent in state.intents:
        if intent.status == "processing":
            yield from _confirmed(state, intent, ("succeeded", "requires_payment_method"))
        if state.budget.confirm and intent.status in CAN_CHANGE and state.ours.value.at_stripe(intent.id):
            yield from _confirmed(spend(state, "confirm"), intent, configuration.shopper)


def _confirmed(state: State, intent: Intent, statuses: tuple[str, ...]) -> Iterator[Next]:
    for status in statuses:
        if status == "requires_action" and intent.status == status:
            continue
        confirmed = _paid(intent, status)
        after = stripe.change(state, confirmed)
        after = stripe.send_webhook(after, confirmed) if status == intent.status else after  # a decline
        yield f"the shopper confirms {intent.id} of {intent.amount}: {status}", after


def _paid(intent: Intent, status: str) -> Intent:
    if intent.checkout is not None:
        return checkout.confirmed(intent, status)
    return intent._replace(status=status, amount_received=intent.amount if status == "succeeded" else 0)


def _misfortune(state: State) -> Iterator[Next]:
    budget = state.budget
    for intent in state.intents if budget.dashboard else ():
        if intent.status in CAN_CHANGE and intent.checkout is None:
            ended = intent._replace(status="canceled", ended_by="dashboard")
            yield f"the dashboard cancels {intent.id}", stripe.change(spend(state, "dashboard"), ended)
        elif intent.status in CAN_CHANGE:
            ended = checkout.expired(intent, STRIPE)
            yield f"{intent.id} expires by itself", stripe.change(spend(state, "dashboard"), ended)
            if intent.payment is not None:
                tried = checkout.confirmed(intent, "canceled")
                yield f"{intent.id} has had too many attempts", stripe.change(spend(state, "dashboard"), tried)
    is_rare = budget.day or budget.restore or budget.wipe
    if not is_rare or state.late or any(each.point != "start" for each in state.workers):
        return
    if budget.day:
        aged = stripe.expire_all(spend(state, "day"))._replace(ours=steps.age(state.ours), keys=())
        yield "a day passes, and Stripe forgets its keys", aged
    if budget.restore and state.ours is not state.backup:
        older = tuple(intent._replace(created=NOW - steps.HOUR) for intent in state.intents)
        restored = spend(state, "restore")._replace(ours=steps.restore(state.backup), intents=older)
        yield "the database is restored from its backup", restored
    if budget.wipe and state.intents:
        yield "all is deleted at Stripe", stripe.wipe(spend(state, "wipe"))
