"""Which amounts Stripe takes, in minor units."""

from sandbox.config import Unconfirmed
from sandbox.errors import InvalidParamError

_HALF_A_UNIT = "usd eur aud brl cad chf inr nzd sgd ars cop idr ils php rub zar"
MINIMUMS = {
    **dict.fromkeys(_HALF_A_UNIT.split(), 50),
    "gbp": 30, "aed": 200, "czk": 1500, "dkk": 250, "hkd": 400, "huf": 17500, "jpy": 50, "krw": 50, "mxn": 1000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
MAXIMUM = 999_999_999_999
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
WHOLE_UNITS_IN_CENTS = frozenset({"isk", "ugx"})
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_OTHERS = (
    "afn all amd ang aoa awg azn bam bbd bdt bgn bmd bnd bob bsd bwp byn bzd cdf cny crc cve dop dzd egp etb fjd "
    "fkp gel gip gmd gtq gyd hnl htg jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr "
    "mwk mzn nad ngn nio npr pab pen pgk pkr qar rsd sar sbd scr shp sle sos srd std szl tjs top try ttd twd tzs "
    "uah uyu uzs wst xcd xcg yer zmw"
)
SUPPORTED = frozenset(MINIMUMS) | ZERO_DECIMAL | WHOLE_UNITS_IN_CENTS | THREE_DECIMAL | frozenset(_OTHERS.split())
_DEFAULT_MINIMUM = 1


def check_amount(amount: int, currency: str, unconfirmed: Unconfirmed) -> None:
    minimum = MINIMUMS.get(currency, _DEFAULT_MINIMUM)
    if amount < minimum:
        message = f"Amount must be at least {shown(minimum, currency)}"
        raise InvalidParamError(message, code="amount_too_small", param="amount")
    if amount > MAXIMUM:
        message = f"Amount must be no more than {shown(MAXIMUM, currency)}"
        raise InvalidParamError(message, code="amount_too_large", param="amount")
    if currency in WHOLE_UNITS_IN_CENTS and amount % 100:
        message = f"Invalid amount: amounts in {currency} must be divisible by 100."
        raise InvalidParamError(message, param="amount")
    if currency in THREE_DECIMAL and amount % 10 and unconfirmed.three_decimal_last_digit_zero:
        message = f"Invalid amount: amounts in {currency} must end in 0."
        raise InvalidParamError(message, param="amount")


def read_currency(name: str, value: object) -> str:
    """Return the currency code in lower case; this is a kind of parameter (see api/params.py)."""
    code = value.lower() if isinstance(value, str) else ""
    if code not in SUPPORTED:
        listed = ", ".join(sorted(SUPPORTED))
        message = f"Invalid currency: {str(value)[:20]}. Stripe currently supports these currencies: {listed}"
        raise InvalidParamError(message, param=name)
    return code


def shown(amount: int, currency: str) -> str:
    """Write an amount as Stripe's messages do, `0.50 usd`."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    return f"{amount / 10**digits:,.{digits}f} {currency}"
