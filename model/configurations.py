"""Who meets whom: each configuration is explored in full.

The small ones are for every run of the tests. What the code is known to break is excused where it shows, with the
reason in docs/protocol.md.
"""

from dataclasses import replace

from app.payment_intents.protocol.terms import PaymentTerms
from model import checkout_configurations
from model.configuration import (
    ALL,
    ASKS,
    DECLINES,
    HOLDS,
    PAYS,
    WAITS,
    begun,
    each_of,
    fresh,
    owing,
)

RESTORED = frozenset({"agree", "kept"})


def _versions(*amounts: int) -> tuple[PaymentTerms, ...]:
    return tuple(owing(amount, cart_version=number) for number, amount in enumerate(amounts, 1))


def _notes(*terms: tuple[int, str]) -> tuple[PaymentTerms, ...]:
    return tuple(owing(amount, description) for amount, description in terms)


def _customers(*terms: tuple[int, str | None]) -> tuple[PaymentTerms, ...]:
    return tuple(owing(amount, customer=customer) for amount, customer in terms)


NOTES = _notes((1, "a"), (1, "b"))
AT_CART = "ATTACH, PUT AT CART"


SMALL = (
    begun("3 PUTs, there and back", (2, 3, 2)),
    begun("2 PUTs, 2 time-outs, payment", (2, 3), "", PAYS, time_out=2, confirm=1),
    fresh("first 3 PUTs, 2 of them refused, crash", (0, 2, 0), crash=1),
    fresh("first 2 PUTs, key with other parameters", (2, 3), "", PAYS, take_key=1, crash=2, confirm=1),
    begun("PUT of a note, time-out, processing, job", _notes((1, "a")), "JOB", WAITS, time_out=1, confirm=1),
    begun("2 PUTs, database restored, payment", (2, 3), "", PAYS, restore=1, confirm=1),
    begun("PUT, capture, expiry", (2,), "CAPTURE, EXPIRE", HOLDS, confirm=1),
    fresh("first 2 PUTs, database restored, adoption, payment", (2, 3), "ADOPT", PAYS, restore=1, confirm=1),
    begun("2 PUTs, all deleted at Stripe, job", (2, 3), "JOB", PAYS, wipe=1, confirm=1),
    replace(begun("PUT, attach, payment", (2,), "ATTACH", PAYS, crash=1, confirm=1), kind="session"),
    begun("PUT, payment", (2,), "", PAYS + ASKS, confirm=2),
    begun("PUT of a refused price, payment", (0,), "", PAYS + ASKS, confirm=1),
    begun("PUTs of a refused price and another, payment", (0, 2), "", PAYS, confirm=1),
    replace(
        begun("PUT of another customer, payment", _customers((1, "guest"), (1, "ada")), "", PAYS, confirm=1),
        first=owing(1, customer="guest"),
    ),
    replace(
        begun("PUT of a note that 3DS does not allow, time-out", _notes((1, "a")), "", ASKS, confirm=1, time_out=1),
        refuses=frozenset({"update requires_action"}),
    ),
    replace(
        begun("PUT in 3DS, the cancel is refused", (2,), "", ASKS, confirm=1, crash=1),
        refuses=frozenset({"cancel requires_action"}),
    ),
    replace(
        begun("expiry, the cancel is refused", (), "EXPIRE", hide=1),
        refuses=frozenset({"cancel requires_payment_method"}),
    ),
    replace(
        begun("PUT, the cancel is refused", (2,), "CANCEL, JOB", hide=1),
        refuses=frozenset({"cancel requires_payment_method"}),
    ),
    replace(
        begun("captures that are refused", (), "CAPTURE, JOB", HOLDS, confirm=1, hide=1),
        refuses=frozenset({"capture requires_capture"}),
    ),
    replace(
        begun("attach, all is refused", (), "ATTACH, JOB", ASKS, confirm=1),
        kind="session",
        refuses=frozenset({"update requires_payment_method", "update requires_action"}),
    ),
    *checkout_configurations.SMALL,
)

_LATE_HARMLESS = (
    begun("2 PUTs, expiry, sync, 2 crashes, payment, late harmless", (2, 3), "EXPIRE, SYNC", PAYS, crash=2, confirm=1),
    begun("3 PUTs, expiry, crash, payment, late harmless", (2, 3, 2), "EXPIRE", PAYS, crash=1, confirm=1),
    begun("2 PUTs, expiry, processing, crash, late harmless", (2, 3), "EXPIRE", WAITS + PAYS, crash=1, confirm=1),
    fresh(
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
    begun("PUT, attach, PUT at the cart, crash", (2,), AT_CART, crash=1),
    fresh("first PUT, attach, PUT at the cart, sleeper, dashboard", (2,), AT_CART, steal=1, crash=1, dashboard=1),
    begun("2 PUTs, attach, crash, time-out, payment", (2, 3), "ATTACH", PAYS, crash=1, time_out=1, confirm=1),
)

_OF_CUSTOMERS = (
    begun("2 PUTs of customers, crash, payment", _customers((2, "ada"), (2, None)), "", PAYS, crash=1, confirm=1),
    begun("2 PUTs of customers, expiry, time-out", _customers((1, "ada"), (2, "guest")), "EXPIRE", time_out=1),
)
_REFUSED = (
    begun("2 PUTs in 3DS, all is refused, crash", (2, owing(1, "a")), "JOB", ASKS, crash=1, confirm=1),
    begun("PUT in 3DS, expiry, all is refused, time-out", (2,), "EXPIRE", ASKS + PAYS, time_out=1, confirm=2),
)

LARGE = (
    begun("2 PUTs, crash, 2 confirmations", (2, 3), "", ALL, crash=1, confirm=2, repeat=1),
    fresh("first 2 PUTs, 2 crashes, 2 confirmations", (2, 3), "", ALL, crash=2, confirm=2, repeat=1, lose=1),
    begun("2 PUTs, expiry, 2 crashes, sleeper, payment", (2, 3), "EXPIRE", PAYS, crash=2, steal=1, confirm=1, lose=1),
    begun("3 PUTs, expiry, crash", (2, 3, 4), "EXPIRE", crash=1),
    fresh(
        "first 2 PUTs, 2 crashes, sleeper, a day, payment", (2, 3), "", PAYS, crash=2, steal=1, confirm=1, day=1, lose=1
    ),
    fresh("first 3 PUTs with cart versions, dashboard, crash", _versions(2, 3, 4), crash=1, dashboard=1),
    begun("3 PUTs, 2 crashes, sleeper", (2, 3, 2), crash=2, steal=1),
    begun("3 PUTs, 2 of the same, time-out, crash", (2, 3, 3), time_out=1, crash=1),
    begun("2 PUTs, processing, crash", (2, 3), "", WAITS + PAYS, crash=1, confirm=2),
    begun("2 PUTs, 2 jobs, processing, time-out", (2, 3), "JOB, JOB", WAITS, time_out=1, confirm=1),
    begun("2 PUTs, job, capture, hold, time-out", (2, 3), "JOB, CAPTURE", HOLDS, time_out=1, confirm=1),
    fresh("first 2 PUTs, sync, crash, sleeper, payment", (2, 3), "SYNC", PAYS, crash=1, steal=1, confirm=1),
    begun("PUT, expiry, sync, crash, 2 confirmations", (2,), "EXPIRE, SYNC", ALL, crash=1, confirm=2, lose=1),
    *each_of(_LATE_HARMLESS, is_late_harmless=True),
    begun("3 PUTs, 2 with no time left, crash", (2, 3, 4), give_up=2, crash=1),
    begun("3 PUTs, 1 of them refused, crash, time-out, payment", (2, 0, 3), "", PAYS, crash=1, time_out=1, confirm=1),
    begun(
        "2 PUTs, 1 of them refused, time-out, crash, job", (2, 0), "JOB", PAYS + ASKS, time_out=1, crash=1, confirm=1
    ),
    begun(
        "2 PUTs, expiry, crash, a refusal without a reason", (2, 3), "EXPIRE", PAYS + ASKS, hide=1, confirm=1, crash=1
    ),
    begun("3 PUTs of notes, 2 time-outs", NOTES + _notes((2, "a")), time_out=2),
    begun("2 PUTs of notes, crash, processing that fails", NOTES, "", WAITS + DECLINES, crash=1, confirm=2),
    fresh("first 3 PUTs, database restored, adoption, 2 payments", (2, 3, 2), "ADOPT", PAYS, restore=1, confirm=2),
    fresh(
        "first 2 PUTs, restored, adoption, time-out", (2, 3), "ADOPT", HOLDS + PAYS, restore=1, confirm=2, time_out=1
    ),
    fresh("first 2 PUTs, restored, adoption, cancel", (2, 3), "ADOPT, CANCEL", PAYS, restore=1, confirm=1),
    fresh("first 2 PUTs, sync, all deleted, crash", (2, 3), "SYNC", PAYS + HOLDS, wipe=1, confirm=1, crash=1),
    replace(begun("2 PUTs of notes, database restored, crash", NOTES, restore=1, crash=1), excused=RESTORED),
    begun("PUT, sync, database restored, crash, payment", (2,), "SYNC", PAYS, restore=1, crash=1, confirm=1),
    fresh("first 2 PUTs, a 500 for good, a day, crash, payment", (2, 3), "", PAYS, fail=1, day=1, confirm=1, crash=2),
    begun("2 PUTs, cancel, crash, payment", (2, 3), "CANCEL", PAYS, crash=1, confirm=1),
    begun("PUT, 2 captures, crash, hold", (2,), "CAPTURE, CAPTURE", HOLDS, crash=1, confirm=1, hide=1),
    begun("PUT, capture, cancel, expiry, crash, hold", (2,), "CAPTURE, CANCEL, EXPIRE", HOLDS, crash=1, confirm=1),
    *each_of(_OF_SESSION, kind="session"),
    *each_of(_OF_CUSTOMERS, first=owing(1, customer="guest")),
    *each_of(_REFUSED, refuses=frozenset({"update requires_action", "cancel requires_action"})),
    begun("first customer, another one, crash, time-out", _customers((1, "guest"), (2, "ada")), crash=1, time_out=1),
    begun("3 PUTs, 1 of a refused price, time-out, payments", (0, 2, 0), "JOB", PAYS + ASKS, time_out=1, confirm=1),
    *checkout_configurations.LARGE,
)
