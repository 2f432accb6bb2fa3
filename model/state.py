"""What the model looks at: our references, what Stripe has, who is at work, and what is on its way.

Everything can be looked up quickly: tuples of small values, and the protocol's own values as `Interned`. Statuses are
Stripe's; amounts are small numbers; the currency never changes.
"""

from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from app.payment_intents.protocol.checkout import CheckoutState
from app.payment_intents.protocol.state import PaymentIntentState, ReferenceState
from app.payment_intents.protocol.steps import Answer, Answered, Call, CancelCall, ConvergeRun, CreateCall, UpdateCall
from app.payment_intents.protocol.stripe_params import created_with
from app.payment_intents.protocol.terms import (
    Kind,
    NextAction,
    PaymentTerms,
)

T = TypeVar("T", bound=Hashable)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAN_CHANGE = frozenset({"requires_payment_method", "requires_action"})
RETURN_URL = "https://shop.example"
SUM = "Order"  # what the gateway calls the items of a session, of which the sum alone is shown
STRIPE = "stripe"  # what ended a session by itself
GONE = "gone"  # our word: Stripe does not have it any more
TERMINAL = frozenset({"succeeded", "canceled", GONE})


class Interned(Generic[T]):
    """The one object that stands for a value: it is compared and hashed by identity, millions of times."""

    __slots__ = ("number", "text", "value")

    def __init__(self, value: T, number: int) -> None:
        self.value, self.number, self.text = value, number, ""

    def __str__(self) -> str:
        self.text = self.text or _described(self.value)
        return self.text


def _described(value: Hashable) -> str:
    """Return what a trace says of a call or an answer."""
    match value:
        case Answered(snapshot=Intent() as shown) | (Intent() as shown):
            notes = " (a replay)" * shown.is_replay + " (in part)" * shown.is_partial
            return f"{shown.id} {shown.status} {shown.amount}{notes}"
        case CreateCall(params):
            sent = created_with(params)
            return f"CreateCall of {said(sent.terms)} at revision {sent.revision}"
        case UpdateCall(_, params):
            changes = {name: each for name, each in params.items() if name != "metadata"}
            return f"UpdateCall of {changes} at revision {params['metadata']['revision']}"
        case CancelCall(stripe_id):
            return f"CancelCall of {stripe_id}"
        case _:
            return type(value).__name__


def said(terms: PaymentTerms) -> str:
    """Return what a trace says of terms."""
    page = () if terms.checkout is None else (terms.checkout.ui_mode, terms.checkout.line_items[0].name)
    return ", ".join(part for part in (str(terms.amount), terms.description, terms.customer, *page) if part)


_interned: dict[Hashable, Interned[Any]] = {}


def intern(value: T) -> Interned[T]:
    """Return the one object for this value."""
    key = (type(value), value)
    if key not in _interned:
        _interned[key] = Interned(value, len(_interned))
    return _interned[key]


def forget_interned() -> None:
    """Begin anew: no state of before may be compared with one of after."""
    _interned.clear()


class Ours(NamedTuple):
    """Our database: a cart and a session, with all their PaymentIntents. Their ids are numbers from `first_id` on."""

    cart: ReferenceState
    session: ReferenceState
    first_id: int = 1

    def of(self, kind: Kind) -> ReferenceState:
        return self.cart if kind == "cart" else self.session

    @property
    def rows(self) -> tuple[PaymentIntentState, ...]:
        return self.cart.payment_intents + self.session.payment_intents

    def get(self, number: int) -> PaymentIntentState | None:
        """Return the row with this number as its id."""
        return next((row for row in self.rows if row.id.int == number), None)

    def at_stripe(self, stripe_id: str) -> PaymentIntentState | None:
        """Return the row of one of Stripe's PaymentIntents or Checkout Sessions."""
        return next((row for row in self.rows if stripe_id in (row.stripe_id, row.checkout_id)), None)


class Intent(NamedTuple):
    """A PaymentIntent at Stripe, or a Checkout Session; each is a PaymentIntentSnapshot of the protocol too.

    `row` is our id in its metadata, `ended_by` who canceled it. A session has `checkout`, `ui_mode` and one `item`; its
    `status` is what the gateway reads in it. Of its PaymentIntent, `payment` is the status and `marks` the metadata.
    """

    number: int
    row: int
    status: str
    amount: int
    description: str | None
    items: tuple[tuple[str, str], ...]
    amount_received: int = 0
    ended_by: str = ""
    is_replay: bool = False
    customer: str | None = None
    currency: str = "eur"
    cancellation_reason: str | None = None
    created: datetime = NOW
    request_id: str | None = None
    next_action: NextAction | None = None
    checkout: CheckoutState | None = None
    is_partial: bool = False
    ui_mode: str = ""
    item: str = ""
    payment: str | None = None
    marks: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return f"pi_{self.number}" if self.checkout is None else self.checkout.id

    @property
    def payment_intent_id(self) -> str | None:
        return f"pi_{self.number}" if self.checkout is None or self.payment is not None else None

    @property
    def amount_capturable(self) -> int:
        return self.amount if self.status == "requires_capture" else 0

    @property
    def metadata(self) -> Mapping[str, str]:
        return dict(self.items)

    @property
    def fields(self) -> Mapping[str, Any]:
        items = [{"name": SUM, "unit_amount": self.amount}]
        shown = {"ui_mode": self.ui_mode, "return_url": RETURN_URL, "line_items": items}
        return {"description": self.description, "customer": self.customer, "checkout": self.checkout and shown}


class Worker(NamedTuple):
    """Somebody at work: a PUT, the sweep, a command. Its point is "start", "call", "answer" or "wait".

    `order` numbers the PUTs as they were committed; `seen` is a set (in bits) of the amounts that Stripe held since
    then; for a sync, the generation that had ended at Stripe before it asked.
    """

    name: str
    number: int
    kind: Kind
    wanted: Interned[PaymentTerms] | None
    run: Interned[ConvergeRun]
    point: str = "start"
    call: Interned[Call] | None = None
    answer: Interned[Answer] | None = None
    order: int = 0
    seen: int = 0

    def __str__(self) -> str:
        return f"{self.name}{self.number}" + (f"({said(self.wanted.value)})" if self.wanted else "")


class Replies(NamedTuple):
    """What callers know: how many PUTs were committed, the newest that was accepted, and those refused.

    `newest_refused` says with its number whether it was Stripe that refused it, or we (409). `is_all_known` is whether
    each PUT was answered, and with something else than 503; `untruth` is the promise that a reply broke.
    """

    orders: int = 0
    accepted: tuple[int, Interned[PaymentTerms]] | None = None
    refused: tuple[Interned[PaymentTerms], ...] = ()
    newest_refused: tuple[int, Interned[PaymentTerms], bool] | None = None
    is_all_known: bool = True
    untruth: str = ""


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
    wipe: int = 0
    webhooks: int = 1


Late: TypeAlias = tuple[Interned[Call], str]


class State(NamedTuple):
    """All of it at one moment. `keys` are the answers that Stripe keeps for the keys of create calls.

    `refuses` says what Stripe refuses for good, each as "operation status".
    """

    ours: Interned[Ours]
    backup: Interned[Ours]
    intents: tuple[Intent, ...] = ()
    keys: tuple[tuple[str, Interned[Answer]], ...] = ()
    late: tuple[Late, ...] = ()
    webhooks: tuple[Interned[Intent], ...] = ()
    workers: tuple[Worker, ...] = ()
    budget: Budget = Budget()
    replies: Replies = Replies()
    refuses: frozenset[str] = frozenset()

    def newest(self, kind: Kind) -> PaymentIntentState | None:
        return self.ours.value.of(kind).newest

    @property
    def missing(self) -> tuple[Intent, ...]:
        """What Stripe has of ours and is not here: a backup was restored."""
        ours = self.ours.value
        return tuple(each for each in self.intents if each.status != GONE and ours.get(each.row) is None)

    def without(self, worker: Worker) -> "State":
        return self._replace(workers=tuple(each for each in self.workers if each.number != worker.number))


def without(items: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return items[:number] + items[number + 1 :]


def distinct(items: tuple[T, ...]) -> Iterator[tuple[int, T]]:
    """Yield each different item once, with its place."""
    for number, item in enumerate(items):
        if item not in items[:number]:
            yield number, item
