"""Who meets whom: each configuration is explored in full.

The small ones are for every run of the tests. What the code is known to break is excused where it shows, with the
reason in docs/protocol.md.
"""

from dataclasses import dataclass, field

from app.references.models import Kind
from model import stripe
from model.state import Answer, Book, Budget, Content, Held, Intent, Row, Rows, Run, Snapshot, State, Told

PAYS, ASKS, DECLINES = "succeeded", "requires_action", "requires_payment_method"
WAITS, HOLDS = "processing", "requires_capture"
ALL = (PAYS, ASKS, DECLINES)

RESTORED = frozenset({"agree", "kept"})


@dataclass(frozen=True)
class Configuration:
    """Who is at work, and what may happen to them; `others` are the commands, the sweep and its jobs.

    `shopper` says what a confirmation may come to. `is_begun` is whether there is a PaymentIntent of amount 1 already,
    which nobody touched for a day. With `is_late_harmless` no lease is taken while a request is late: then a shopper
    can't pay another amount than the newest that was accepted.
    """

    name: str
    puts: tuple[int | Content, ...] = ()
    others: tuple[str, ...] = ()
    budget: dict[str, int] = field(default_factory=dict)
    shopper: tuple[str, ...] = ()
    is_begun: bool = False
    is_late_harmless: bool = False
    kind: Kind = "cart"
    excused: frozenset[str] = frozenset()

    def begin(self) -> State:
        """Give the state in which it begins."""
        puts = [each if isinstance(each, Content) else Content(each) for each in self.puts]
        runs = [Run("PUT", number, self.kind, wanted) for number, wanted in enumerate(puts, 1)]
        for number, name in enumerate(self.others, 10):
            is_at_cart = name == "PUT AT CART"
            runs.append(Run("PUT", number, "cart", Content(8)) if is_at_cart else Run(name, number, self.kind))
        has_webhooks = bool(self.shopper or self.budget.get("dashboard") or "EXPIRE" in self.others)
        budget = Budget(webhooks=int(has_webhooks), **self.budget)
        state = State(Rows(()), (), (), (), (), tuple(runs), budget, Told())
        return begun(state, self.kind) if self.is_begun else state


def begun(state: State, kind: Kind) -> State:
    """Add a PaymentIntent of amount 1 on which both sides agree."""
    first, status = Content(1), "requires_payment_method"
    row = Row(kind, 1, kind, first, 1, first, 1, applied=Held(1, None, None, 1, is_whole=True), stripe_id=0)
    row = row._replace(status=status, amount=1, is_idle=True)
    rows = Rows((row,), **{kind: Book(2)})
    intent = Intent(0, status, 1, None, None, 1, kind)
    return stripe.remember(state._replace(ours=rows, intents=(intent,)), 0, Answer("snapshot", Snapshot(0, intent)))


def _versions(*amounts: int) -> tuple[Content, ...]:
    return tuple(Content(amount, cart_version=number) for number, amount in enumerate(amounts, 1))


def _notes(*contents: tuple[int, str | None]) -> tuple[Content, ...]:
    return tuple(Content(amount, note) for amount, note in contents)


SMALL = (
    Configuration("3 PUTs, there and back", (2, 3, 2), is_begun=True),
    Configuration("2 PUTs, 2 time-outs, payment", (2, 3), (), {"time_out": 2, "confirm": 1}, (PAYS,), is_begun=True),
    Configuration("first 3 PUTs, 2 of them refused, crash", (0, 2, 0), (), {"crash": 1}),
    Configuration(
        "first 2 PUTs, key with other parameters", (2, 3), (), {"take_key": 1, "crash": 2, "confirm": 1}, (PAYS,)
    ),
    Configuration(
        "PUT of a note, time-out, processing, job",
        _notes((1, "a")),
        ("JOB",),
        {"time_out": 1, "confirm": 1},
        (WAITS,),
        is_begun=True,
    ),
    Configuration(
        "2 PUTs, database restored, payment", (2, 3), (), {"restore": 1, "confirm": 1}, (PAYS,), is_begun=True
    ),
    Configuration("PUT, capture, expiry", (2,), ("CAPTURE", "EXPIRE"), {"confirm": 1}, (HOLDS,), is_begun=True),
    Configuration(
        "PUT, move, payment", (2,), ("MOVE",), {"crash": 1, "confirm": 1}, (PAYS,), is_begun=True, kind="session"
    ),
)

LARGE = (
    Configuration(
        "2 PUTs, crash, 2 confirmations", (2, 3), (), {"crash": 1, "confirm": 2, "repeat": 1}, ALL, is_begun=True
    ),
    Configuration(
        "first 2 PUTs, 2 crashes, 2 confirmations", (2, 3), (), {"crash": 2, "confirm": 2, "repeat": 1, "lose": 1}, ALL
    ),
    Configuration(
        "2 PUTs, expiry, 2 crashes, sleeper, payment",
        (2, 3),
        ("EXPIRE",),
        {"crash": 2, "steal": 1, "confirm": 1, "lose": 1},
        (PAYS,),
        is_begun=True,
    ),
    Configuration("3 PUTs, expiry, crash", (2, 3, 4), ("EXPIRE",), {"crash": 1}, is_begun=True),
    Configuration(
        "first 2 PUTs, 2 crashes, sleeper, a day, payment",
        (2, 3),
        (),
        {"crash": 2, "steal": 1, "confirm": 1, "day": 1, "lose": 1},
        (PAYS,),
    ),
    Configuration(
        "first 3 PUTs with cart versions, dashboard, crash", _versions(2, 3, 4), (), {"crash": 1, "dashboard": 1}
    ),
    Configuration("3 PUTs, 2 crashes, sleeper", (2, 3, 2), (), {"crash": 2, "steal": 1}, is_begun=True),
    Configuration(
        "2 PUTs, processing, crash",
        (2, 3),
        (),
        {"crash": 1, "confirm": 2},
        (WAITS, PAYS),
        is_begun=True,
    ),
    Configuration(
        "2 PUTs, 2 jobs, processing, time-out",
        (2, 3),
        ("JOB", "JOB"),
        {"time_out": 1, "confirm": 1},
        (WAITS,),
        is_begun=True,
    ),
    Configuration(
        "2 PUTs, job, capture, hold, time-out",
        (2, 3),
        ("JOB", "CAPTURE"),
        {"time_out": 1, "confirm": 1},
        (HOLDS,),
        is_begun=True,
    ),
    Configuration(
        "first 2 PUTs, sync, crash, sleeper, payment",
        (2, 3),
        ("SYNC",),
        {"crash": 1, "steal": 1, "confirm": 1},
        (PAYS,),
    ),
    Configuration(
        "PUT, expiry, sync, crash, 2 confirmations",
        (2,),
        ("EXPIRE", "SYNC"),
        {"crash": 1, "confirm": 2, "lose": 1},
        ALL,
        is_begun=True,
    ),
    Configuration(
        "2 PUTs, expiry, sync, 2 crashes, payment, late harmless",
        (2, 3),
        ("EXPIRE", "SYNC"),
        {"crash": 2, "confirm": 1},
        (PAYS,),
        is_begun=True,
        is_late_harmless=True,
    ),
    Configuration(
        "3 PUTs, expiry, crash, payment, late harmless",
        (2, 3, 2),
        ("EXPIRE",),
        {"crash": 1, "confirm": 1},
        (PAYS,),
        is_begun=True,
        is_late_harmless=True,
    ),
    Configuration(
        "2 PUTs, expiry, processing, crash, late harmless",
        (2, 3),
        ("EXPIRE",),
        {"crash": 1, "confirm": 1},
        (WAITS, PAYS),
        is_begun=True,
        is_late_harmless=True,
    ),
    Configuration(
        "first 2 PUTs, 2 crashes, a day, dashboard, late harmless",
        (2, 3),
        (),
        {"crash": 2, "day": 1, "confirm": 1, "dashboard": 1, "lose": 1},
        (PAYS,),
        is_late_harmless=True,
    ),
    Configuration("3 PUTs, 2 with no time left, crash", (2, 3, 4), (), {"give_up": 2, "crash": 1}, is_begun=True),
    Configuration(
        "3 PUTs, 1 of them refused, crash, time-out, payment",
        (2, 0, 3),
        (),
        {"crash": 1, "time_out": 1, "confirm": 1},
        (PAYS,),
        is_begun=True,
    ),
    Configuration(
        "2 PUTs, 1 of them refused, time-out, crash, job",
        (2, 0),
        ("JOB",),
        {"time_out": 1, "crash": 1, "confirm": 1},
        (PAYS, ASKS),
        is_begun=True,
    ),
    Configuration(
        "2 PUTs, expiry, crash, a refusal without a reason",
        (2, 3),
        ("EXPIRE",),
        {"hide": 1, "confirm": 1, "crash": 1},
        (PAYS, ASKS),
        is_begun=True,
    ),
    Configuration(
        "3 PUTs of notes, 2 time-outs",
        _notes((1, "a"), (1, "b"), (2, "a")),
        (),
        {"time_out": 2},
        is_begun=True,
    ),
    Configuration(
        "2 PUTs of notes, crash, processing that fails",
        _notes((1, "a"), (1, "b")),
        (),
        {"crash": 1, "confirm": 2},
        (WAITS, DECLINES),
        is_begun=True,
    ),
    Configuration(
        "2 PUTs of notes, database restored, crash",
        _notes((1, "a"), (1, "b")),
        (),
        {"restore": 1, "crash": 1},
        is_begun=True,
        excused=RESTORED,
    ),
    Configuration(
        "PUT, sync, database restored, crash, payment",
        (2,),
        ("SYNC",),
        {"restore": 1, "crash": 1, "confirm": 1},
        (PAYS,),
        is_begun=True,
    ),
    Configuration(
        "first 2 PUTs, a 500 for good, a day, crash, payment",
        (2, 3),
        (),
        {"fail": 1, "day": 1, "confirm": 1, "crash": 2},
        (PAYS,),
    ),
    Configuration(
        "2 PUTs, cancel, crash, payment", (2, 3), ("CANCEL",), {"crash": 1, "confirm": 1}, (PAYS,), is_begun=True
    ),
    Configuration(
        "PUT, 2 captures, crash, hold",
        (2,),
        ("CAPTURE", "CAPTURE"),
        {"crash": 1, "confirm": 1, "hide": 1},
        (HOLDS,),
        is_begun=True,
    ),
    Configuration(
        "PUT, capture, cancel, expiry, crash, hold",
        (2,),
        ("CAPTURE", "CANCEL", "EXPIRE"),
        {"crash": 1, "confirm": 1},
        (HOLDS,),
        is_begun=True,
    ),
    Configuration(
        "PUT, move, PUT at the cart, crash", (2,), ("MOVE", "PUT AT CART"), {"crash": 1}, is_begun=True, kind="session"
    ),
    Configuration(
        "first PUT, move, PUT at the cart, sleeper, dashboard",
        (2,),
        ("MOVE", "PUT AT CART"),
        {"steal": 1, "crash": 1, "dashboard": 1},
        kind="session",
    ),
    Configuration(
        "2 PUTs, move, crash, time-out, payment",
        (2, 3),
        ("MOVE",),
        {"crash": 1, "time_out": 1, "confirm": 1},
        (PAYS,),
        is_begun=True,
        kind="session",
    ),
)
