"""The last line of defence against secrets in logs: whatever is written passes here, and loses what looks like one.

It reads the finished text, so tracebacks and other libraries' messages are covered too. The first line is not to
log secrets at all. A stranger chooses parts of the text, so every search takes time in proportion to its length: what
may repeat is bounded or never tried again (`++`), and a text is cut before it is searched.
"""

import json
import re
from collections.abc import Iterable

REDACTED = "[redacted]"

# Of one text. A line of ours is some hundred characters long, a traceback some thousand.
MAX_TEXT = 32 * 1024
CUT = "… [cut]"

# Longer than any secret: so much is searched beyond where a text is cut, lest half a secret stays.
MARGIN = 1024

# What may stay is in a group before the secret: ids that help to find the trouble. A text without one of the words in
# front, in lower case, can't hold what the pattern finds: nearly all lines are through with a quick look.
PATTERNS = (
    (("pay_",), r"\b(pay_[0-9a-f]{1,64}_)[0-9A-Za-z]++"),  # our API keys
    (("k_test_", "k_live_"), r"\b([sr]k_(?:test|live)_)\w++"),  # Stripe's
    (("whsec_",), r"\b(whsec_)[\w+/=]++"),
    (("_secret_",), r"\b((?:pi|seti|cs|src)_(?:(?!_secret_)\w){1,255}+_secret_)\w++"),  # client secrets
    (("eyj",), r"(?<![\w-])((?:(?!eyJ)[\w-]){0,64}+)eyJ[\w-]{5,}+\.[\w-]++\.[\w-]*+"),  # checkout tokens
    (
        ("authorization",),
        r"(\bauthorization[\"'\s]{0,8}+[=:][\"'\s]{0,8}+(?:(?:bearer|basic)\s{1,8}+)?)[^\s\"'&,;}]++",
    ),
    (
        ("client_secret", "api_key", "token", "password", "cvc", "cvv"),
        (
            r"((?:client_secret|api_key|token|password|cvc|cvv)(?:%5D|[\]\"'\s]){0,8}+[=:][\"'\s]{0,8}+)"
            r"(?!\[redacted)[^\s\"'&,;}]++"
        ),
    ),
    (("bearer ",), r"(\bBearer )[\w.~+/=-]{8,}+"),
    (("postgres",), r"(\bpostgres(?:ql)?(?:\+\w{1,32}+)?://[^\s:/@]{0,128}+:)[^\s@]{1,512}+(?=@)"),
)
_patterns = [(word, re.compile(pattern, re.IGNORECASE)) for words, pattern in PATTERNS for word in words]

# The look behind comes second: a search for one of five characters is quick.
CARD_NUMBER = re.compile(r"[2-6](?<![\w.-].)\d{3}(?:[ -]?\d){9,15}+(?![\w-])")


class Redactor:
    """Takes out what looks like a secret, and the known ones whatever they look like."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in known for spelling in (secret, json.dumps(secret)[1:-1])}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets, and without what is beyond MAX_TEXT."""
        if len(text) > MAX_TEXT:
            return self._redact(text[: MAX_TEXT + MARGIN])[:MAX_TEXT] + CUT
        return self._redact(text)

    def _redact(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        lowered = text.lower()
        for word, pattern in _patterns:
            if word in lowered:
                text = pattern.sub(rf"\g<1>{REDACTED}", text)
        return CARD_NUMBER.sub(lambda found: REDACTED if _is_card_number(found.group()) else found.group(), text)


_redact = Redactor()


def redact(text: str) -> str:
    """Take out what looks like a secret."""
    return _redact(text)


def _is_card_number(text: str) -> bool:
    """Check the last digit as all card networks compute it (Luhn), so that few other numbers are hit."""
    digits = [int(each) for each in reversed(text) if each.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
