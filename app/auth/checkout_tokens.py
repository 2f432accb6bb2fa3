"""Checkout tokens: what a shopper's browser may show instead of an API key.

A token is good for 15 minutes and one reference, for two rights: to read the state, and to fetch the client
secret. It is a JWT whose claims are `aud` (this installation's checkout), `sub` (`cart:<id>`), `iat`, `exp` and
`jti`. Nothing of it is stored.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import jwt
from pydantic import SecretStr

from app.payment_intents.protocol.terms import Kind, Reference

LIFETIME = timedelta(minutes=15)

# How far the clocks of two replicas may be apart.
LEEWAY = timedelta(seconds=5)

# The only algorithm: what a token says of itself is not asked.
ALGORITHM = "HS256"

REQUIRED = ("aud", "sub", "iat", "exp", "jti")


@dataclass(frozen=True, slots=True)
class CheckoutGrant:
    """What a valid token allows: this reference's checkout."""

    reference: Reference
    token_id: str

    @property
    def actor(self) -> str:
        """How domain events name it."""
        return f"checkout:{self.token_id}"


class CheckoutTokens:
    """Signs with the first key and accepts what any of them signed, so that keys can be rotated."""

    def __init__(self, keys: Sequence[SecretStr], *, instance: str) -> None:
        self._keys = [key.get_secret_value() for key in keys]
        self._audience = f"payments:{instance}:checkout"

    def issue(self, reference: Reference, *, now: datetime | None = None) -> tuple[str, datetime]:
        """Return a new token for the reference, and when it expires."""
        issued_at = (now or datetime.now(UTC)).replace(microsecond=0)
        expires_at = issued_at + LIFETIME
        claims = {
            "aud": self._audience,
            "sub": f"{reference.kind}:{reference.id}",
            "iat": issued_at,
            "exp": expires_at,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self._keys[0], ALGORITHM), expires_at

    def verify(self, token: str) -> CheckoutGrant | None:
        """Return what the token allows, or None when it is forged, expired or another service's."""
        for key in self._keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    audience=self._audience,
                    leeway=LEEWAY,
                    options={"require": [*REQUIRED]},
                )
            except jwt.InvalidTokenError:
                continue
            return _grant(claims["sub"], claims["jti"])
        return None


def _grant(subject: str, token_id: str) -> CheckoutGrant | None:
    word, _, reference_id = subject.partition(":")
    kind: Kind | None = next((each for each in get_args(Kind) if each == word), None)
    return CheckoutGrant(Reference(kind, reference_id), token_id) if kind else None
