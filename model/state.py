"""What the model looks at: our rows, Stripe's PaymentIntents, who is at work, and what is on its way.

Everything is a tuple, so that a state can be looked up. Rows are numbered as they were opened, Stripe's
PaymentIntents as they were made. Statuses are Stripe's; amounts are small numbers; the currency never changes.
"""

from typing import NamedTuple, TypeAlias

from app.references.models import Kind

FREE = frozenset({"requires_payment_method", "requires_action"})
FROZEN = frozenset({"processing", "requires_capture"})
TERMINAL = frozenset({"succeeded", "canceled"})

# Stripe refuses such an amount for good.
TOO_SMALL = 0


class Content(NamedTuple):
    """What a PUT asks for. The note stands for all that is not the price."""

    amount: int
    note: str | None = None
    cart_version: int | None = None


class Held(NamedTuple):
    """What we believe that Stripe holds (`applied`, `sent`); of an unknown revision only the price is known."""

    amount: int
    note: str | None
    cart_version: int | None
    revision: int | None
    is_whole: bool


class Row(NamedTuple):
    """A row of ours. `has_moved` is whether its version moved since the holder of its lease looked."""

    kind: Kind
    generation: int
    opened_for: Kind
    opening: Content
    opening_revision: int
    requested: Content
    revision: int
    is_rolled_back: bool = False
    applied: Held | None = None
    stripe_id: int | None = None
    status: str | None = None
    amount: int | None = None
    received: int = 0
    capturable: int = 0
    lease: int = 0
    has_moved: bool = False
    needs_sync: bool = False
    must_check: bool = False
    is_closing: bool = False
    capture: int | None = None
    is_idle: bool = False
    is_old: bool = False
    closed_reason: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.closed_reason is None and self.status != "succeeded"


class Book(NamedTuple):
    """A row of `payment_references`."""

    next_generation: int = 1
    cart_version: int | None = None
    is_moved: bool = False


class Rows(NamedTuple):
    """Our database: all rows, and the books of the cart and of the session."""

    rows: tuple[Row, ...]
    cart: Book = Book()
    session: Book = Book()

    def newest(self, kind: Kind) -> int | None:
        """Give the number of a reference's newest row."""
        found = [(row.generation, number) for number, row in enumerate(self.rows) if row.kind == kind]
        return max(found)[1] if found else None


class Intent(NamedTuple):
    """A PaymentIntent at Stripe; `row` is the mark that never changes, `ended_by` who cancelled it."""

    row: int
    status: str
    amount: int
    note: str | None
    cart_version: int | None
    revision: int
    kind: Kind
    received: int = 0
    ended_by: str = ""


class Snapshot(NamedTuple):
    """What Stripe said of one: in an answer or in a webhook."""

    number: int
    intent: Intent
    is_replay: bool = False


class Call(NamedTuple):
    """A call that a run is about to make, about one of our rows; the changes are an update's form parameters."""

    name: str
    row: int
    stripe_id: int | None = None
    changes: tuple[tuple[str, object], ...] = ()
    revision: int = 0
    kind: Kind = "cart"


class Answer(NamedTuple):
    """How a call ended: "snapshot", "none", "refused", "unknown".

    Or "unexpected state", "key taken", "failure from memory", mostly without a snapshot.
    """

    name: str
    snapshot: Snapshot | None = None


class Run(NamedTuple):
    """Somebody at work: a PUT, the sweep, a command. Its point is "start", "call", "answer" or "wait".

    `order` numbers the PUTs as they were committed; `seen` is a set (in bits) of what Stripe held since then; for a
    sync, the generation that had ended at Stripe before it asked.
    """

    name: str
    number: int
    kind: Kind = "cart"
    wanted: Content | None = None
    point: str = "start"
    revision: int | None = None
    calls: int = 0
    is_fresh: bool = False
    must_search: bool = False
    has_searched: bool = False
    sent: Held | None = None
    about: int | None = None
    call: Call | None = None
    answer: Answer | None = None
    order: int = 0
    seen: int = 0

    def __str__(self) -> str:
        return f"{self.name}{self.number}" + (f"({self.wanted.amount})" if self.wanted else "")


class Told(NamedTuple):
    """What callers know: how many PUTs were committed, the newest that was accepted, and those refused.

    `is_all_known` is whether each PUT was answered, and with something else than 503; `lie` is what was told and is
    not true.
    """

    orders: int = 0
    accepted: tuple[int, Content] | None = None
    refused: tuple[Content, ...] = ()
    is_all_known: bool = True
    lie: str = ""


class Budget(NamedTuple):
    """How often each of these may still happen."""

    crash: int = 0
    time_out: int = 0
    give_up: int = 0
    steal: int = 0
    confirm: int = 0
    repeat: int = 0
    lose: int = 0
    dashboard: int = 0
    day: int = 0
    hide: int = 0
    take_key: int = 0
    fail: int = 0
    restore: int = 0
    webhooks: int = 1


Late: TypeAlias = tuple[Call, str]


class State(NamedTuple):
    """All of it at one moment. `keys` are the answers that Stripe keeps for the keys of creating calls."""

    ours: Rows
    intents: tuple[Intent, ...]
    keys: tuple[tuple[int, Answer], ...]
    late: tuple[Late, ...]
    webhooks: tuple[Snapshot, ...]
    runs: tuple[Run, ...]
    budget: Budget
    told: Told
