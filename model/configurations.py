"""Who meets whom: each configuration is explored in full.

The small ones are for every run of the tests. What the code is known to break is excused where it shows, with the
reason in docs/protocol.md.
"""

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

RESTORED = frozenset({"agree", "kept"})

Puts: TypeAlias = tuple[int | PaymentTerms, ...]


@dataclass(frozen=True)
class Configuration:
    """Who is at work, and what may happen to them; `others` are the commands, the sweep and its jobs.

    `shopper` says what a confirmation may come to. `is_begun` is whether there is a PaymentIntent of amount 1 already,
    which nobody touched for a day. With `is_late_harmless` no lease is taken while a request is late: then a shopper
    can't pay another amount than the newest that was accepted. `refuses` is what Stripe refuses for good.
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
    terms = _terms(wanted) if isinstance(wanted, int) else wanted
    return Worker("PUT", number, kind, intern(terms), steps.new_run(number, is_put=True))


def _terms(
    amount: int, description: str | None = None, cart_version: int | None = None, customer: str | None = None
) -> PaymentTerms:
    return PaymentTerms(amount, "eur", description=description, cart_version=cart_version, customer=customer)


def _with_first(state: State, kind: Kind, first: int | PaymentTerms) -> State:
    """Let a PUT of amount 1 be done, a day ago."""
    put = _put(1, kind, first)
    outcome = steps.begin(state.ours, kind, put.name, put.wanted, put.run, NOW)
    assert outcome.call is not None
    state, answer, _ = stripe.execute(state._replace(ours=outcome.ours), outcome.call, put.name)
    done = steps.record_answer(outcome.ours, kind, outcome.run, outcome.call, answer, NOW)
    return state._replace(ours=steps.abandon(done.ours))


def _versions(*amounts: int) -> tuple[PaymentTerms, ...]:
    return tuple(_terms(amount, cart_version=number) for number, amount in enumerate(amounts, 1))


def _notes(*terms: tuple[int, str]) -> tuple[PaymentTerms, ...]:
    return tuple(_terms(amount, description) for amount, description in terms)


def _customers(*terms: tuple[int, str | None]) -> tuple[PaymentTerms, ...]:
    return tuple(_terms(amount, customer=customer) for amount, customer in terms)


NOTES = _notes((1, "a"), (1, "b"))
AT_CART = "ATTACH, PUT AT CART"


def _first(
    name: str, puts: Puts, others: str = "", shopper: tuple[str, ...] = (), *, is_begun: bool = False, **budget: int
) -> Configuration:
    """Return one that begins with nothing, or with a PaymentIntent."""
    return Configuration(name, puts, tuple(filter(None, others.split(", "))), shopper, budget, is_begun)


_begun = partial(_first, is_begun=True)


def _each(configurations: tuple[Configuration, ...], **changes: Any) -> Iterator[Configuration]:
    return (replace(each, **changes) for each in configurations)


SMALL = (
    _begun("3 PUTs, there and back", (2, 3, 2)),
    _begun("2 PUTs, 2 time-outs, payment", (2, 3), "", PAYS, time_out=2, confirm=1),
    _first("first 3 PUTs, 2 of them refused, crash", (0, 2, 0), crash=1),
    _first("first 2 PUTs, key with other parameters", (2, 3), "", PAYS, take_key=1, crash=2, confirm=1),
    _begun("PUT of a note, time-out, processing, job", _notes((1, "a")), "JOB", WAITS, time_out=1, confirm=1),
    _begun("2 PUTs, database restored, payment", (2, 3), "", PAYS, restore=1, confirm=1),
    _begun("PUT, capture, expiry", (2,), "CAPTURE, EXPIRE", HOLDS, confirm=1),
    _first("first 2 PUTs, database restored, adoption, payment", (2, 3), "ADOPT", PAYS, restore=1, confirm=1),
    _begun("2 PUTs, all deleted at Stripe, job", (2, 3), "JOB", PAYS, wipe=1, confirm=1),
    replace(_begun("PUT, attach, payment", (2,), "ATTACH", PAYS, crash=1, confirm=1), kind="session"),
    _begun("PUT, payment", (2,), "", PAYS + ASKS, confirm=2),
    _begun("PUT of a refused price, payment", (0,), "", PAYS + ASKS, confirm=1),
    _begun("PUTs of a refused price and another, payment", (0, 2), "", PAYS, confirm=1),
    replace(
        _begun("PUT of another customer, payment", _customers((1, "guest"), (1, "ada")), "", PAYS, confirm=1),
        first=_terms(1, customer="guest"),
    ),
    replace(
        _begun("PUT of a note that 3DS does not allow, time-out", _notes((1, "a")), "", ASKS, confirm=1, time_out=1),
        refuses=frozenset({"update requires_action"}),
    ),
    replace(
        _begun("PUT in 3DS, the cancel is refused", (2,), "", ASKS, confirm=1, crash=1),
        refuses=frozenset({"cancel requires_action"}),
    ),
    replace(
        _begun("expiry, the cancel is refused", (), "EXPIRE", hide=1),
        refuses=frozenset({"cancel requires_payment_method"}),
    ),
    replace(
        _begun("PUT, the cancel is refused", (2,), "CANCEL, JOB", hide=1),
        refuses=frozenset({"cancel requires_payment_method"}),
    ),
    replace(
        _begun("captures that are refused", (), "CAPTURE, JOB", HOLDS, confirm=1, hide=1),
        refuses=frozenset({"capture requires_capture"}),
    ),
    replace(
        _begun("attach, all is refused", (), "ATTACH, JOB", ASKS, confirm=1),
        kind="session",
        refuses=frozenset({"update requires_payment_method", "update requires_action"}),
    ),
)

_LATE_HARMLESS = (
    _begun("2 PUTs, expiry, sync, 2 crashes, payment, late harmless", (2, 3), "EXPIRE, SYNC", PAYS, crash=2, confirm=1),
    _begun("3 PUTs, expiry, crash, payment, late harmless", (2, 3, 2), "EXPIRE", PAYS, crash=1, confirm=1),
    _begun("2 PUTs, expiry, processing, crash, late harmless", (2, 3), "EXPIRE", WAITS + PAYS, crash=1, confirm=1),
    _first(
        "first 2 PUTs, 2 crashes, a day, dashboard, late harmless",
        (2, 3),
        "",
        PAYS,
        crash=2,
        day=1,
        confirm=1,
        dashboard=1,
        lose=1,
    ),
)
_OF_SESSION = (
    _begun("PUT, attach, PUT at the cart, crash", (2,), AT_CART, crash=1),
    _first("first PUT, attach, PUT at the cart, sleeper, dashboard", (2,), AT_CART, steal=1, crash=1, dashboard=1),
    _begun("2 PUTs, attach, crash, time-out, payment", (2, 3), "ATTACH", PAYS, crash=1, time_out=1, confirm=1),
)

_OF_CUSTOMERS = (
    _begun("2 PUTs of customers, crash, payment", _customers((2, "ada"), (2, None)), "", PAYS, crash=1, confirm=1),
    _begun("2 PUTs of customers, expiry, time-out", _customers((1, "ada"), (2, "guest")), "EXPIRE", time_out=1),
)
_REFUSED = (
    _begun("2 PUTs in 3DS, all is refused, crash", (2, _terms(1, "a")), "JOB", ASKS, crash=1, confirm=1),
    _begun("PUT in 3DS, expiry, all is refused, time-out", (2,), "EXPIRE", ASKS + PAYS, time_out=1, confirm=2),
)

LARGE = (
    _begun("2 PUTs, crash, 2 confirmations", (2, 3), "", ALL, crash=1, confirm=2, repeat=1),
    _first("first 2 PUTs, 2 crashes, 2 confirmations", (2, 3), "", ALL, crash=2, confirm=2, repeat=1, lose=1),
    _begun("2 PUTs, expiry, 2 crashes, sleeper, payment", (2, 3), "EXPIRE", PAYS, crash=2, steal=1, confirm=1, lose=1),
    _begun("3 PUTs, expiry, crash", (2, 3, 4), "EXPIRE", crash=1),
    _first(
        "first 2 PUTs, 2 crashes, sleeper, a day, payment", (2, 3), "", PAYS, crash=2, steal=1, confirm=1, day=1, lose=1
    ),
    _first("first 3 PUTs with cart versions, dashboard, crash", _versions(2, 3, 4), crash=1, dashboard=1),
    _begun("3 PUTs, 2 crashes, sleeper", (2, 3, 2), crash=2, steal=1),
    _begun("3 PUTs, 2 of the same, time-out, crash", (2, 3, 3), time_out=1, crash=1),
    _begun("2 PUTs, processing, crash", (2, 3), "", WAITS + PAYS, crash=1, confirm=2),
    _begun("2 PUTs, 2 jobs, processing, time-out", (2, 3), "JOB, JOB", WAITS, time_out=1, confirm=1),
    _begun("2 PUTs, job, capture, hold, time-out", (2, 3), "JOB, CAPTURE", HOLDS, time_out=1, confirm=1),
    _first("first 2 PUTs, sync, crash, sleeper, payment", (2, 3), "SYNC", PAYS, crash=1, steal=1, confirm=1),
    _begun("PUT, expiry, sync, crash, 2 confirmations", (2,), "EXPIRE, SYNC", ALL, crash=1, confirm=2, lose=1),
    *_each(_LATE_HARMLESS, is_late_harmless=True),
    _begun("3 PUTs, 2 with no time left, crash", (2, 3, 4), give_up=2, crash=1),
    _begun("3 PUTs, 1 of them refused, crash, time-out, payment", (2, 0, 3), "", PAYS, crash=1, time_out=1, confirm=1),
    _begun(
        "2 PUTs, 1 of them refused, time-out, crash, job", (2, 0), "JOB", PAYS + ASKS, time_out=1, crash=1, confirm=1
    ),
    _begun(
        "2 PUTs, expiry, crash, a refusal without a reason", (2, 3), "EXPIRE", PAYS + ASKS, hide=1, confirm=1, crash=1
    ),
    _begun("3 PUTs of notes, 2 time-outs", NOTES + _notes((2, "a")), time_out=2),
    _begun("2 PUTs of notes, crash, processing that fails", NOTES, "", WAITS + DECLINES, crash=1, confirm=2),
    _first("first 3 PUTs, database restored, adoption, 2 payments", (2, 3, 2), "ADOPT", PAYS, restore=1, confirm=2),
    _first(
        "first 2 PUTs, restored, adoption, time-out", (2, 3), "ADOPT", HOLDS + PAYS, restore=1, confirm=2, time_out=1
    ),
    _first("first 2 PUTs, restored, adoption, cancel", (2, 3), "ADOPT, CANCEL", PAYS, restore=1, confirm=1),
    _first("first 2 PUTs, sync, all deleted, crash", (2, 3), "SYNC", PAYS + HOLDS, wipe=1, confirm=1, crash=1),
    replace(_begun("2 PUTs of notes, database restored, crash", NOTES, restore=1, crash=1), excused=RESTORED),
    _begun("PUT, sync, database restored, crash, payment", (2,), "SYNC", PAYS, restore=1, crash=1, confirm=1),
    _first("first 2 PUTs, a 500 for good, a day, crash, payment", (2, 3), "", PAYS, fail=1, day=1, confirm=1, crash=2),
    _begun("2 PUTs, cancel, crash, payment", (2, 3), "CANCEL", PAYS, crash=1, confirm=1),
    _begun("PUT, 2 captures, crash, hold", (2,), "CAPTURE, CAPTURE", HOLDS, crash=1, confirm=1, hide=1),
    _begun("PUT, capture, cancel, expiry, crash, hold", (2,), "CAPTURE, CANCEL, EXPIRE", HOLDS, crash=1, confirm=1),
    *_each(_OF_SESSION, kind="session"),
    *_each(_OF_CUSTOMERS, first=_terms(1, customer="guest")),
    *_each(_REFUSED, refuses=frozenset({"update requires_action", "cancel requires_action"})),
    _begun("first customer, another one, crash, time-out", _customers((1, "guest"), (2, "ada")), crash=1, time_out=1),
    _begun("3 PUTs, 1 of a refused price, time-out, payments", (0, 2, 0), "JOB", PAYS + ASKS, time_out=1, confirm=1),
)
