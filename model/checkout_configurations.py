"""Who meets whom where a reference is paid in a Checkout Session, or in one channel and then in the other."""

from dataclasses import replace

from app.payment_intents.protocol.checkout import ELEMENTS, HOSTED, CheckoutTerms, LineItem
from app.payment_intents.protocol.terms import PaymentTerms
from model.checkout import VOUCHER
from model.configuration import ASKS, DECLINES, HOLDS, PAYS, WAITS, begun, each_of, fresh, owing
from model.state import RETURN_URL

VOUCHERS = (VOUCHER,)


def _hosted(amount: int, item: str = "mug") -> PaymentTerms:
    """A session in Stripe's page, whose items can't be changed."""
    return _in_session(amount, HOSTED, item)


def _elements(amount: int, item: str = "mug") -> PaymentTerms:
    """A session in the shop's page, whose items can be changed."""
    return _in_session(amount, ELEMENTS, item)


def _in_session(amount: int, ui_mode: str, item: str) -> PaymentTerms:
    return replace(owing(amount), checkout=CheckoutTerms(ui_mode, RETURN_URL, (LineItem(item, amount),)))


_UPDATES_REFUSED = frozenset({"update requires_payment_method", "update requires_action"})
_EXPIRY_REFUSED = frozenset({"cancel requires_payment_method", "cancel requires_action"})

_SMALL_IN_STRIPES_PAGE = (
    begun("hosted: PUT without a session, time-out, payment", (2,), "", PAYS + ASKS, confirm=2, time_out=1),
    begun("hosted: expiry, 3DS, voucher, a lost webhook", (), "EXPIRE", PAYS + ASKS + VOUCHERS, confirm=2, lose=1),
    begun(
        "hosted: 2 PUTs, it ends by itself, a lost webhook", (_hosted(1),) * 2, "", PAYS, lose=1, dashboard=1, confirm=1
    ),
    begun(
        "hosted: PUT, it ends by itself, crash, 3DS", (_hosted(2),), "", PAYS + ASKS, dashboard=1, confirm=2, crash=1
    ),
    begun("hosted: capture, cancel, time-out", (), "CAPTURE, CANCEL", HOLDS, confirm=1, time_out=1),
    begun("hosted: 2 PUTs, all deleted at Stripe, job", (_hosted(2), 3), "JOB", PAYS, wipe=1, confirm=1),
)
_SMALL_IN_THE_SHOPS_PAGE = (
    begun("elements: PUT, payment", (_elements(2),), "", PAYS, confirm=1),
    begun("elements: 3 PUTs, 1 without a session, 1 refused", (_elements(2), 3, _elements(0))),
    begun("elements: 2 PUTs, crash, payment", (_elements(2), _elements(3)), "", PAYS, confirm=1, crash=1),
    begun("elements: PUT, processing, job, time-out", (_elements(2),), "JOB", WAITS, confirm=1, time_out=1),
    begun("elements: PUT, PUT without a session, crash, payment", (_elements(2), 2), "", PAYS, confirm=1, crash=1),
    begun(
        "elements: 2 PUTs of the same price, time-out, payment",
        (_elements(2, "mug"), _elements(2, "cup")),
        "",
        PAYS,
        confirm=1,
        time_out=1,
    ),
    replace(
        begun("elements: 2 PUTs, all updates are refused, job", (_elements(2), _hosted(3)), "JOB", ASKS, confirm=1),
        refuses=_UPDATES_REFUSED,
    ),
    replace(
        begun("elements: PUT, attach, crash, payment", (_elements(2),), "ATTACH", PAYS, confirm=1, crash=1),
        kind="session",
    ),
)

SMALL = (
    begun("2 PUTs of 2 channels, time-out, payment", (2, _hosted(2)), "", PAYS, time_out=1, confirm=1),
    fresh("first 2 PUTs of 2 channels, crash, 2 payments", (_hosted(2), 2), "", PAYS, crash=1, confirm=2),
    fresh("first 2 PUTs of 2 channels, restored, adoption", (_hosted(2), 3), "ADOPT", PAYS, restore=1, confirm=1),
    *each_of(_SMALL_IN_STRIPES_PAGE, first=_hosted(1)),
    *each_of(_SMALL_IN_THE_SHOPS_PAGE, first=_elements(1)),
)

_LARGE_IN_STRIPES_PAGE = (
    begun(
        "hosted: PUT, expiry, crash, processing, a lost webhook",
        (2,),
        "EXPIRE",
        WAITS + PAYS,
        crash=1,
        confirm=2,
        lose=1,
    ),
    begun("hosted: 2 PUTs, expiry, sync, crash, payment", (_hosted(2), 2), "EXPIRE, SYNC", PAYS, crash=1, confirm=1),
    begun("hosted: PUT, capture, cancel, crash", (2,), "CAPTURE, CANCEL", HOLDS, confirm=1, crash=1, hide=1),
    begun(
        "hosted: 3 PUTs, crash, time-out, payment",
        (replace(_hosted(1), metadata={"note": "a"}), replace(_hosted(1), cart_version=2), 1),
        "",
        PAYS,
        crash=1,
        time_out=1,
        confirm=1,
    ),
    replace(
        begun("hosted: 2 PUTs, cancel, job, all of it is refused", (2, _hosted(1)), "CANCEL, JOB", ASKS, confirm=1),
        refuses=_EXPIRY_REFUSED,
    ),
)
_LARGE_IN_THE_SHOPS_PAGE = (
    begun(
        "elements: 2 PUTs, job, processing, time-out",
        (_elements(2), _elements(3)),
        "JOB",
        WAITS + DECLINES,
        confirm=1,
        time_out=1,
    ),
    begun(
        "elements: 2 PUTs, it ends by itself, crash, sleeper, payment",
        (_hosted(2), 2),
        "",
        PAYS,
        crash=1,
        steal=1,
        confirm=1,
        dashboard=1,
    ),
)

LARGE = (
    replace(
        begun(
            "2 PUTs of 2 channels, expiry, crash, payment, late harmless",
            (_hosted(2), 3),
            "EXPIRE",
            PAYS,
            crash=1,
            confirm=1,
        ),
        is_late_harmless=True,
    ),
    begun("2 PUTs of 2 channels, there and back, crash, payment", (_hosted(2), 1), "", PAYS + ASKS, crash=1, confirm=2),
    begun(
        "2 PUTs of 2 channels, crash, time-out, payment",
        (2, _hosted(2)),
        "",
        PAYS + ASKS,
        crash=1,
        time_out=1,
        confirm=2,
        repeat=1,
    ),
    begun("3 PUTs of 2 channels, crash, payment", (2, _hosted(2), _elements(3)), "", PAYS, crash=1, confirm=1),
    begun(
        "3 PUTs of 2 channels, 2 of refused prices, crash", (_hosted(0), _elements(0), 2), "", PAYS, crash=1, confirm=1
    ),
    fresh(
        "first 2 PUTs of 2 channels, crash, a day, sleeper",
        (_hosted(2), 3),
        "",
        PAYS,
        crash=2,
        confirm=1,
        day=1,
        steal=1,
        lose=1,
    ),
    fresh(
        "first 2 PUTs of 2 channels, restored, adoption, hold",
        (_hosted(2), 3),
        "ADOPT",
        HOLDS + PAYS,
        restore=1,
        confirm=2,
        time_out=1,
    ),
    fresh(
        "first 2 PUTs of 2 channels, key with other parameters",
        (_hosted(2), 3),
        "",
        PAYS,
        take_key=1,
        crash=2,
        confirm=1,
    ),
    *each_of(_LARGE_IN_STRIPES_PAGE, first=_hosted(1)),
    *each_of(_LARGE_IN_THE_SHOPS_PAGE, first=_elements(1)),
)
