"""One transaction of the service's own code, on the model's rows instead of the database's."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import PaymentsError
from app.payment_intents import convergence, protocol, service
from app.payment_intents.errors import PaymentIntentNotFound, SyncPending
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.references.models import Kind, Reference
from app.resources import Resources
from app.settings import Settings
from model import translation
from model.state import Row, Rows, Run
from model.translation import ACTOR, INSTANCE, NAMES, NOW, When

T = TypeVar("T")

SETTINGS = Settings.model_construct(instance=INSTANCE)
RESOURCES = cast(
    Resources, SimpleNamespace(settings=SETTINGS, stripe=SimpleNamespace(client_secret=lambda _: "known here"))
)
OK, UNKNOWN = 200, 503
AT_ONCE = When()


class Outcome(NamedTuple):
    """What a transaction leaves: the rows, and the run with its next call, waiting, or none when it has its reply."""

    ours: Rows
    run: Run | None
    reply: int = 0
    row: Row | None = None


class _Session:
    """Takes new rows, and knows of no other payment."""

    def __init__(self, rows: list[PaymentIntent]) -> None:
        self._rows = rows
        self.info: dict[str, Any] = {}  # with the events, which nobody here reads

    def add(self, row: PaymentIntent) -> None:
        self._rows.append(row)

    async def flush(self) -> None: ...

    async def scalar(self, _: object) -> None:
        return None


class Desk:
    """The rows as the code knows them, under the lock."""

    def __init__(self, ours: Rows, when: When) -> None:
        self.when = when
        self.rows = [translation.row_of(row, number, when) for number, row in enumerate(ours.rows)]
        self._session = cast(AsyncSession, _Session(self.rows))
        self._books = {
            "cart": translation.book_of("cart", ours.cart),
            "session": translation.book_of("session", ours.session),
        }

    def door(self, kind: Kind) -> Door:
        return Door(self._session, self._books[kind], ACTOR, INSTANCE, NOW)

    def newest(self, kind: Kind) -> PaymentIntent | None:
        rows = [row for row in self.rows if row.reference_kind == kind]
        return max(rows, key=lambda row: row.generation, default=None)

    def number(self, row: PaymentIntent) -> int:
        return next(number for number, each in enumerate(self.rows) if each is row)

    def read(self, run: protocol.Run | None = None) -> Rows:
        """Give what is in the rows now."""
        rows = tuple(translation.read(row, run) for row in self.rows)
        cart, session = (self._books[kind] for kind in ("cart", "session"))
        return Rows(rows, translation.read_book(cart), translation.read_book(session))


class Convergence(convergence.Convergence):
    """The service's own, with the model's rows in place of the database."""

    def __init__(self, desk: Desk, run: protocol.Run, kind: Kind, about: int | None) -> None:
        super().__init__(RESOURCES, Reference(kind, NAMES[kind]), run)
        self.desk, self.kind = desk, kind
        if about is not None:
            self.row = desk.rows[about]

    @asynccontextmanager
    async def _open(self, _: str | None = None) -> AsyncIterator[tuple[Door, PaymentIntent, PaymentIntent]]:
        door, newest = self.desk.door(self.kind), self.desk.newest(self.kind)
        if door.reference.moved_to is not None:
            raise SyncPending
        if newest is None:
            raise PaymentIntentNotFound
        yield door, newest, self.row


@dataclass(slots=True)
class Work:
    """One transaction of one run."""

    ours: Rows
    run: Run
    when: When

    def do(self, transaction: Callable[[Convergence], protocol.Step]) -> Outcome:
        """Make it and say what it leaves; an error of ours is the reply."""
        desk = Desk(self.ours, self.when)
        run = translation.run_of(self.run)
        convergence = Convergence(desk, run, self.run.kind, self.run.about)
        try:
            step = transaction(convergence)
        except Undone as undone:
            return Outcome(self.ours, None, int(undone.error.status))
        except PaymentsError as error:
            return Outcome(desk.read(run), None, int(error.status))
        ours = desk.read(run)
        row: PaymentIntent | None = getattr(convergence, "row", None)
        if isinstance(step, protocol.Done) and row is not None:
            return Outcome(ours, None, self._reply(row, run), translation.read(row, None))
        if isinstance(step, protocol.GiveUp):
            return Outcome(ours, None, int(SyncPending.status))
        about = None if row is None else desk.number(row)
        point = "wait" if isinstance(step, protocol.Wait) else "call"
        call = None if isinstance(step, protocol.Wait) else translation.read_call(step, about or 0)
        return Outcome(ours, translation.read_run(self.run, run)._replace(point=point, call=call, about=about))

    def _reply(self, row: PaymentIntent, run: protocol.Run) -> int:
        """Answer a PUT as `service.put` does."""
        if self.run.wanted is None:
            return 200
        wanted = translation.content_of(self.run.wanted)
        if not service._is_satisfied(row, wanted):
            return 409
        is_displaced = run.revision is not None and service._is_displaced(row, wanted, run.revision)
        return 503 if is_displaced else 200


class Undone(Exception):
    """The transaction was rolled back."""

    def __init__(self, error: PaymentsError) -> None:
        self.error = error


def now(work: Awaitable[T]) -> T:
    """Run what never really waits here."""
    try:
        cast(Coroutine[Any, Any, T], work).send(None)
    except StopIteration as end:
        return cast(T, end.value)
    raise AssertionError("a transaction waited for something")
