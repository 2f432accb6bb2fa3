"""The last line of defence against secrets in logs: whatever is written passes here, and loses what looks like one.

It reads the finished text, so tracebacks and other libraries' messages are covered too. The first line is not to
log secrets at all.
"""

import json
import re
from collections.abc import Iterable

REDACTED = "[redacted]"

# What may stay is in a group before the secret: ids that help to find the trouble.
PATTERNS = (
    r"\b(pay_[0-9a-f]{1,64}_)[0-9A-Za-z]+",  # our API keys
    r"\b([sr]k_(?:test|live)_)\w+",  # Stripe's
    r"\b(whsec_)[\w+/=]+",
    r"\b((?:pi|seti|cs|src)_\w+?_secret_)\w+",  # client secrets
    r"\b()eyJ[\w-]{5,}\.[\w-]+\.[\w-]*",  # checkout tokens
    r"(\bauthorization[\"'\s]*[=:][\"'\s]*(?:(?:bearer|basic)\s+)?)[^\s\"'&,;}]+",
    r"((?:client_secret|api_key|token|password|cvc|cvv)(?:%5D|[\]\"'\s])*[=:][\"'\s]*)(?!\[redacted)[^\s\"'&,;}]+",
    r"(\bBearer )[\w.~+/=-]{8,}",
    r"(\bpostgres(?:ql)?(?:\+\w+)?://[^\s:/@]*:)[^\s@]+(?=@)",
)
CARD_NUMBER = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")

# Without one of these a text holds none of the above: nearly all lines are through with a quick look.
SECRET_HINTS = (
    *("pay_", "k_test_", "k_live_", "whsec_", "_secret", "eyj", "authorization", "api_key", "token"),
    *("password", "cvc", "cvv", "bearer", "postgres"),
)

_secret = re.compile("|".join(f"(?:{pattern})" for pattern in PATTERNS), re.IGNORECASE)


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Take out what looks like a secret, and the known ones whatever they look like."""
    for secret in known:
        text = text.replace(secret, REDACTED).replace(json.dumps(secret)[1:-1], REDACTED)
    lowered = text.lower()
    if any(sign in lowered for sign in SECRET_HINTS):
        text = _secret.sub(lambda found: "".join(part for part in found.groups() if part) + REDACTED, text)
    return CARD_NUMBER.sub(lambda found: REDACTED if _is_card_number(found.group()) else found.group(), text)


def _is_card_number(text: str) -> bool:
    """Check the last digit as all card networks compute it (Luhn), so that few other numbers are hit."""
    digits = [int(each) for each in reversed(text) if each.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
