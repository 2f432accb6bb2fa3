"""Why a search finds nothing out."""

from http import HTTPStatus

from app.errors import Conflict, ValidationFailed


class SearchNotUnderstood(ValidationFailed):
    """Nothing of this says what to look for.

    Send an id, the last four digits of a card, an amount as `24.99`, a day as `yesterday` or `2026-11-26`, an e-mail
    address, or a cart's id or its beginning; several of them narrow it down.
    """

    code, title = "search_not_understood", "Search not understood"


class EmailSearchDisabled(Conflict):
    """E-mail addresses are not searched here: the operator has to set EMAIL_SEARCH_KEY."""

    status, code, title = HTTPStatus.CONFLICT, "email_search_disabled", "E-mail search disabled"
