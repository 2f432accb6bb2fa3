"""What a configuration is: who meets whom, and what may happen to them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from app.payment_intents.protocol.terms import Kind, PaymentTerms
from model import steps, stripe
from model.state import NOW, Budget, State, Worker, intern

# What a shopper's confirmation may come to.
PAYS, ASKS, DECLINES = ("succeeded",), ("requires_action",), ("requires_payment_method",)
WAITS, HOLDS = ("processing",), ("requires_capture",)
ALL = PAYS + ASKS + DECLINES

Puts: TypeAlias = tuple[int | PaymentTerms, ...]


@dataclass(frozen=True)
class Configuration:
    """Who is at work, and what may happen to them; `others` are the commands, the sweep and its jobs.

    `shopper` says what a confirmation may come to. `is_begun` is whether there is something of amount 1 to pay already,
    or of the `first` terms, which nobody touched for a day. With `is_late_harmless` no lease is taken while a request
    is late: then a shopper can't pay another amount than the newest that was accepted. `refuses` is what Stripe refuses
    for good.
    """

    name: str
    puts: Puts
    others: tuple[str, ...]
    shopper: tuple[str, ...]
    budget: dict[str, int]
    is_begun: bool = False
    is_late_harmless: bool = False
    kind: Kind = "cart"
    excused: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    first: int | PaymentTerms = 1

    @property
    def has_adoption(self) -> bool:
        return "ADOPT" in self.others

    def begin(self) -> State:
        """Return the state in which it begins."""
        ours = intern(steps.EMPTY)
        state = State(ours, ours, budget=Budget(webhooks=0))
        state = _with_first(state, self.kind, self.first) if self.is_begun else state
        has_webhooks = bool(self.shopper or self.budget.get("dashboard") or "EXPIRE" in self.others)
        budget = Budget(webhooks=int(has_webhooks), **self.budget)
        workers = tuple(self._workers())
        return state._replace(backup=state.ours, budget=budget, workers=workers, refuses=self.refuses)

    def _workers(self) -> list[Worker]:
        workers = [_put(number, self.kind, each) for number, each in enumerate(self.puts, 1)]
        for number, name in enumerate(self.others, 10):
            run = steps.new_run(number, is_put=False)
            is_at_cart = name == "PUT AT CART"
            workers.append(_put(number, "cart", 8) if is_at_cart else Worker(name, number, self.kind, None, run))
        return workers


def _put(number: int, kind: Kind, wanted: int | PaymentTerms) -> Worker:
    terms = owing(wanted) if isinstance(wanted, int) else wanted
    return Worker("PUT", number, kind, intern(terms), steps.new_run(number, is_put=True))


def owing(
    amount: int, description: str | None = None, cart_version: int | None = None, customer: str | None = None
) -> PaymentTerms:
    return PaymentTerms(amount, "eur", description=description, cart_version=cart_version, customer=customer)


def _with_first(state: State, kind: Kind, first: int | PaymentTerms) -> State:
    """Let the first PUT be done, a day ago."""
    put = _put(1, kind, first)
    outcome = steps.begin(state.ours, kind, put.name, put.wanted, put.run, NOW)
    assert outcome.call is not None
    state, answer, _ = stripe.execute(state._replace(ours=outcome.ours), outcome.call, put.name)
    done = steps.record_answer(outcome.ours, kind, outcome.run, outcome.call, answer, NOW)
    return state._replace(ours=steps.abandon(done.ours))


def fresh(
    name: str, puts: Puts, others: str = "", shopper: tuple[str, ...] = (), *, is_begun: bool = False, **budget: int
) -> Configuration:
    """Return one that begins with nothing, or with a PaymentIntent."""
    return Configuration(name, puts, tuple(filter(None, others.split(", "))), shopper, budget, is_begun)


begun = partial(fresh, is_begun=True)


def each_of(configurations: tuple[Configuration, ...], **changes: Any) -> Iterator[Configuration]:
    return (replace(each, **changes) for each in configurations)
