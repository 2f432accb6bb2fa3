"""What a bank statement may say: the rules for `statement_descriptor` and its suffix."""

from collections.abc import Collection, Mapping
from typing import Any

from sandbox.api.params import required_string, string
from sandbox.errors import InvalidParamError

_FORBIDDEN = frozenset("<>\\'\"*")
_NOT_FOR_CARDS = (
    "The statement_descriptor parameter is not supported for the payment_method_type `card`. To continue supporting "
    "payment_method_type `card`, please pass in `statement_descriptor_suffix` or remove the `statement_descriptor` "
    "parameter altogether."
)


def suffix(name: str, value: Any) -> str | None:
    """Return a suffix, which needs a letter and takes none of the characters in `_FORBIDDEN`."""
    if value == "":
        return string(name, value)
    text = required_string(name, value)
    if _FORBIDDEN & set(text):
        message = "The statement descriptor suffix contains one of the characters < > \\ ' \" *, which are not allowed."
        raise InvalidParamError(message, code="invalid_characters", param=name)
    if not any(character.isalpha() for character in text):
        raise InvalidParamError("The statement descriptor suffix must contain at least one letter.", param=name)
    return text


def check_descriptor(types: Collection[str], given: Mapping[str, Any]) -> None:
    """Raise InvalidParamError for a whole descriptor where a card could pay; a card has a suffix only."""
    if given.get("statement_descriptor") is not None and "card" in types:
        raise InvalidParamError(_NOT_FOR_CARDS, param="statement_descriptor")
