"""Idempotency keys: account-wide, kept 24 hours, with the first answer, whatever it was."""

import hashlib
import json
from typing import Any

from sandbox.account import Account
from sandbox.errors import ApiError, IdempotencyError, InvalidParamError
from sandbox.store import JsonObject

KEPT_SECONDS = 24 * 3600
MAX_LENGTH = 255
CONFLICT = 409


class IdempotencyKeys:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._in_flight: set[str] = set()

    def forget(self) -> None:
        self._in_flight.clear()

    def begin(self, key: str, method_and_path: str, params: dict[str, Any]) -> JsonObject | None:
        """Return the stored answer of this key, or claim the key; `finish` or `abandon` must follow a claim."""
        if len(key) > MAX_LENGTH:
            raise InvalidParamError(f"Idempotency keys can be at most {MAX_LENGTH} characters.")
        if key in self._in_flight:
            raise self._in_use(key)
        stored = self._account.store.get("idempotency_key", key)
        if stored is not None and stored["created"] + KEPT_SECONDS > self._account.clock.now():
            _check_same(stored, key, method_and_path, params)
            return stored
        self._in_flight.add(key)
        return None

    def abandon(self, key: str) -> None:
        """Forget the claim: the endpoint's work never began."""
        self._in_flight.discard(key)

    def finish(self, key: str, answer: JsonObject, method_and_path: str, params: dict[str, Any]) -> None:
        """Store the answer; it is written with the work's own changes."""
        self._prune()
        self._account.store.delete("idempotency_key", key)
        value = {
            **answer,
            "endpoint": method_and_path,
            "fingerprint": fingerprint(params),
            "created": self._account.clock.now(),
            "id": key,
        }
        self._account.store.put("idempotency_key", key, value)
        self._in_flight.discard(key)

    def _prune(self) -> None:
        too_old = self._account.clock.now() - KEPT_SECONDS
        while True:
            oldest = next(self._account.store.oldest("idempotency_key"), None)
            if oldest is None or oldest["created"] > too_old:
                return
            self._account.store.delete("idempotency_key", oldest["id"])

    def _in_use(self, key: str) -> ApiError:
        message = (
            "There is currently another in-progress request using this Idempotent Key (that probably means "
            f"you submitted twice, and the other request is still going through): {key}. Please try again "
            "later."
        )
        error = ApiError(message, code="idempotency_key_in_use", status=CONFLICT)
        error.type = self._account.config.unconfirmed.in_use_error_type
        return error


def fingerprint(params: dict[str, Any]) -> str:
    """Return a hash of the parameters, so that no card data is kept."""
    canonical = json.dumps(params, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def _check_same(stored: JsonObject, key: str, method_and_path: str, params: dict[str, Any]) -> None:
    if stored["endpoint"] != method_and_path:
        now, then = (text.partition(" ")[2] for text in (method_and_path, stored["endpoint"]))
        raise IdempotencyError(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{now}' vs '{then}'). Try using a key other than '{key}' if you meant to execute a different request."
        )
    if stored["fingerprint"] != fingerprint(params):
        raise IdempotencyError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
