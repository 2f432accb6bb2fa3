"""Every kind of credential that somebody could show, and what each is worth."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import jwt

from app.auth import api_keys
from app.auth.checkout_tokens import CheckoutTokens
from app.auth.scopes import Scope
from app.payment_intents.protocol.terms import Reference
from app.resources import Resources
from app.settings import Settings
from tests.database import Database

CART, OTHER_CART = Reference("cart", "c1"), Reference("cart", "c2")

SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Credential:
    """What is sent as `Authorization`, and what it is worth: its scopes, its cart, or nothing."""

    header: str | None
    scopes: frozenset[str] = frozenset()
    reference: Reference | None = None

    @property
    def is_valid(self) -> bool:
        return bool(self.scopes) or self.reference is not None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.header is None else {"Authorization": self.header}


def tokens_of(settings: Settings) -> CheckoutTokens:
    return CheckoutTokens(settings.checkout_token_keys, instance=settings.instance)


def forged(settings: Settings, *, key: str | None = None, algorithm: str = "HS256", **changes: object) -> str:
    """Make a token as ours, but for the changes."""
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "aud": f"payments:{settings.instance}:checkout",
        "sub": "cart:c1",
        "iat": now,
        "exp": now + timedelta(minutes=15),
        "jti": "1",
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    secret = settings.checkout_token_keys[0].get_secret_value() if key is None else key
    return jwt.encode(claims, secret, algorithm)


async def all_credentials(resources: Resources, database: Database) -> dict[str, Credential]:
    """Make one of each."""
    settings = resources.settings
    async with resources.database.transaction() as connection:
        keys = {scope: await api_keys.create(connection, client="shop", scopes=[scope]) for scope in SCOPES}
        revoked, expired, full = [await api_keys.create(connection, client="shop", scopes=SCOPES) for _ in range(3)]
        await api_keys.revoke(connection, revoked.id)
    await database.expire_key(expired.id, seconds=-1)
    tokens, an_hour_ago = tokens_of(settings), datetime.now(UTC) - timedelta(hours=1)
    bad = {
        "wrong secret": f"{full.secret[:-1]}{'0' if full.secret[-1] != '0' else '1'}",
        "unknown key": f"pay_0123456789abcdef_{'0' * 64}",
        "nonsense": "nonsense",
        "revoked key": revoked.secret,
        "expired key": expired.secret,
        "expired token": tokens.issue(CART, now=an_hour_ago)[0],
        "token without signature": forged(settings, key="", algorithm="none"),
        "token of another signer": forged(settings, key="another key, of thirty-two bytes"),
        "token for another audience": forged(settings, aud="payments:other:checkout"),
    }
    return (
        {"none": Credential(None), "basic": Credential("Basic c2hvcDpzaG9w")}
        | {name: Credential(f"Bearer {secret}") for name, secret in bad.items()}
        | {scope: Credential(f"Bearer {key.secret}", frozenset({scope})) for scope, key in keys.items()}
        | {
            "token of this cart": Credential(f"Bearer {tokens.issue(CART)[0]}", reference=CART),
            "token of another cart": Credential(f"Bearer {tokens.issue(OTHER_CART)[0]}", reference=OTHER_CART),
            "token of a session of this name": Credential(
                f"Bearer {tokens.issue(Reference('session', 'c1'))[0]}", reference=Reference("session", "c1")
            ),
        }
    )
