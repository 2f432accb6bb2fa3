"""The test payment methods, as data: numbers, the names of their PaymentMethods, and what becomes of a payment."""

import math
from dataclasses import dataclass
from typing import Literal

Aftermath = Literal["", "dispute", "not_received", "inquiry", "fraud_warning", "pending_refund", "failing_refund"]


@dataclass(frozen=True)
class Decline:
    code: str
    message: str
    decline_code: str | None = None
    advice_code: str | None = None


GENERIC = Decline("card_declined", "Your card was declined.", "generic_decline", "try_again_later")
INSUFFICIENT_FUNDS = Decline(
    "card_declined", "Your card has insufficient funds.", "insufficient_funds", "try_again_later"
)
LOST = Decline("card_declined", "Your card was declined.", "lost_card", "do_not_try_again")
STOLEN = Decline("card_declined", "Your card was declined.", "stolen_card", "do_not_try_again")
EXPIRED = Decline("expired_card", "Your card has expired.", None, "do_not_try_again")
INCORRECT_CVC = Decline("incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING_ERROR = Decline(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    None,
    "try_again_later",
)
VELOCITY = Decline(
    "card_declined",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "card_velocity_exceeded",
    "try_again_later",
)
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    "test_mode_live_card",
)
NO_ACCOUNT = Decline("no_account", "The customer's bank account could not be located.")
ACCOUNT_CLOSED = Decline("account_closed", "The customer's bank account has been closed.")
ACCOUNT_EMPTY = Decline("insufficient_funds", "The customer's account has insufficient funds to cover this payment.")
NOT_AUTHORIZED = Decline(
    "debit_not_authorized", "The customer has notified their bank that this payment was unauthorized."
)
NEVER = math.inf
THREE_MINUTES = 180.0


@dataclass(frozen=True)
class TestMethod:
    """One row of the table; `names` are the PaymentMethods `pm_card_…` that stand for it."""

    number: str
    names: tuple[str, ...] = ()
    type: str = "card"
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    is_challenged: bool = False
    """Whether the payment waits for the shopper to pass 3DS; a decline comes after it."""
    lookup_fails: bool = False
    """Whether the bank's 3DS server is down: the payment is declined without a challenge."""
    aftermath: Aftermath = ""
    """What follows a success, or a refund of it."""
    is_risky: bool = False
    """Whether the payment succeeds with an elevated risk level."""
    is_slow: bool = False
    """Whether the outcome comes days later: the PaymentIntent is `processing`, or waits for the money, until then."""
    takes: float | None = None
    """The seconds until the outcome of a slow payment, or NEVER; None is the config's `settle_delay`."""

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declining(suffix: str) -> tuple[str, ...]:
    """Return the names of both families: `pm_card_visa_chargeDeclined…` and the older `pm_card_chargeDeclined…`."""
    return (f"pm_card_visa_chargeDeclined{suffix}", f"pm_card_chargeDeclined{suffix}")


def _bank_account(number: str, name: str, decline: Decline | None = None, *, takes: float | None = None) -> TestMethod:
    names = (f"pm_usBankAccount_{name}",)
    return TestMethod(number, names, "us_bank_account", decline=decline, is_slow=True, takes=takes)


def _iban(number: str, decline: Decline | None = None, *, takes: float | None = None) -> TestMethod:
    return TestMethod(number, (), "sepa_debit", decline=decline, is_slow=True, takes=takes)


TEST_METHODS = (
    TestMethod("4242424242424242", ("pm_card_visa", "pm_card_us")),
    TestMethod("4000056655665556", ("pm_card_visa_debit",), funding="debit"),
    TestMethod("5555555555554444", ("pm_card_mastercard",), brand="mastercard"),
    TestMethod("5200828282828210", ("pm_card_mastercard_debit",), brand="mastercard", funding="debit"),
    TestMethod("378282246310005", ("pm_card_amex",), brand="amex"),
    TestMethod("6011111111111117", ("pm_card_discover",), brand="discover"),
    TestMethod("3056930009020004", ("pm_card_diners",), brand="diners"),
    TestMethod("3566002020360505", ("pm_card_jcb",), brand="jcb"),
    TestMethod("6200000000000005", ("pm_card_unionpay",), brand="unionpay"),
    TestMethod("4000002500001001", ("pm_card_fr",), country="FR"),
    TestMethod("4000002760000016", ("pm_card_de",), country="DE"),
    TestMethod("4000008260000000", ("pm_card_gb",), country="GB"),
    TestMethod("4000000000000002", _declining(""), decline=GENERIC),
    TestMethod("4000000000009995", _declining("InsufficientFunds"), decline=INSUFFICIENT_FUNDS),
    TestMethod("4000000000009987", _declining("LostCard"), decline=LOST),
    TestMethod("4000000000009979", _declining("StolenCard"), decline=STOLEN),
    TestMethod("4000000000000069", _declining("ExpiredCard"), decline=EXPIRED),
    TestMethod("4000000000000127", _declining("IncorrectCvc"), decline=INCORRECT_CVC),
    TestMethod("4000000000000119", _declining("ProcessingError"), decline=PROCESSING_ERROR),
    TestMethod("4000000000006975", _declining("VelocityLimitExceeded"), decline=VELOCITY),
    TestMethod("4000002760003184", ("pm_card_authenticationRequired",), country="DE", is_challenged=True),
    TestMethod(
        "4000000000003220",
        ("pm_card_threeDSecure2Required", "pm_card_threeDSecureRequired"),
        country="IE",
        is_challenged=True,
    ),
    TestMethod(
        "4000008400001629",
        ("pm_card_threeDSecureRequiredChargeDeclined",),
        decline=GENERIC,
        is_challenged=True,
    ),
    TestMethod(
        "4000008260003178",
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
        country="GB",
        decline=INSUFFICIENT_FUNDS,
        is_challenged=True,
    ),
    TestMethod(
        "4000008400001280",
        ("pm_card_threeDSecureRequiredProcessingError",),
        decline=GENERIC,
        lookup_fails=True,
    ),
    TestMethod("4000000000000259", ("pm_card_createDispute",), aftermath="dispute"),
    TestMethod("4000000000002685", ("pm_card_createDisputeProductNotReceived",), aftermath="not_received"),
    TestMethod("4000000000001976", ("pm_card_createDisputeInquiry",), aftermath="inquiry"),
    TestMethod("4000000000005423", ("pm_card_createIssuerFraudRecord",), aftermath="fraud_warning"),
    TestMethod("4000000000009235", ("pm_card_riskLevelElevated",), is_risky=True),
    TestMethod("4000000000007726", ("pm_card_pendingRefund",), aftermath="pending_refund"),
    TestMethod("4000000000005126", ("pm_card_refundFail",), aftermath="failing_refund"),
    TestMethod("4000000000000077", ("pm_card_bypassPending",)),
    _bank_account("000123456789", "success"),
    _bank_account("000111111116", "noAccount", NO_ACCOUNT),
    _bank_account("000111111113", "accountClosed", ACCOUNT_CLOSED),
    _bank_account("000222222227", "insufficientFunds", ACCOUNT_EMPTY),
    _bank_account("000333333335", "debitNotAuthorized", NOT_AUTHORIZED),
    _bank_account("000000000009", "processing", takes=NEVER),
    _iban("AT611904300234573201"),
    _iban("AT321904300235473204", takes=THREE_MINUTES),
    _iban("AT861904300235473202", ACCOUNT_EMPTY),
    _iban("AT051904300235473205", ACCOUNT_EMPTY, takes=THREE_MINUTES),
    _iban("DE89370400440532013000"),
    _iban("DE08370400440532013003", takes=THREE_MINUTES),
    _iban("DE62370400440532013001", ACCOUNT_EMPTY),
    _iban("DE78370400440532013004", ACCOUNT_EMPTY, takes=THREE_MINUTES),
)

BY_NAME = {name: method for method in TEST_METHODS for name in method.names}
BY_TOKEN = {name.replace("pm_card_", "tok_"): method for name, method in BY_NAME.items() if method.type == "card"}
"""Stripe's test tokens have the names of the PaymentMethods: `tok_visa` is the card of `pm_card_visa`."""
BY_NUMBER = {method.number: method for method in TEST_METHODS}
UNKNOWN_CARD = TestMethod("", decline=NOT_A_TEST_CARD)


def is_card_number(digits: str) -> bool:
    """Check the length and the Luhn digit."""
    if not (digits.isascii() and digits.isdecimal() and 12 <= len(digits) <= 19):  # noqa: PLR2004  ISO/IEC 7812
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
