"""The currencies that Stripe accepts payments in, and what their minor units are.

Source: docs.stripe.com/currencies, "Supported currencies" for presentment. Stripe also refuses those that an account or
a payment method does not support. ISO 4217 says otherwise of some: Stripe counts ISK and UGX in hundredths.
"""

CURRENCIES = frozenset(
    """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
    clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils
    inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk
    mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp
    sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
    """.split()  # noqa: SIM905 - quotes around 136 words would hide the words
)

NO_DECIMALS = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - as above
)
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})

# Stripe takes hundredths, which this money does not have.
WHOLE = frozenset({"isk", "ugx"})


def decimals_of(currency: str) -> int:
    """Return how many decimals of a currency Stripe's minor units hold."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def display(amount: int, currency: str) -> str:
    """Return an amount in Stripe's minor units as a person writes it: `EUR 19.99`, `JPY 1999`, `ISK 20`."""
    digits = decimals_of(currency)
    whole, rest = divmod(amount, 10**digits)
    is_whole = digits == 0 or (currency in WHOLE and rest == 0)
    return f"{currency.upper()} {whole}" if is_whole else f"{currency.upper()} {whole}.{rest:0{digits}}"
