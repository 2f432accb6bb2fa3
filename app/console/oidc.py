"""Sign in at an OpenID provider: the authorization code flow with PKCE.

Everything of one sign-in comes from one random secret in the browser's cookie: the `state` that proves that the answer
belongs to this browser, the `nonce` that proves that the ID token does, and PKCE's verifier. So nothing is stored here,
and who only sees the addresses can make none of the others.
"""

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.auth.person import Person
from app.auth.rate_limits import FixedWindow, network_of
from app.auth.scopes import ROLES, Role
from app.console.errors import NoRole, ProviderUnavailable, SignInFailed
from app.errors import TooManyRequests
from app.settings import Settings

log = structlog.get_logger()

# Asymmetric only: with the others, who knows the client secret makes tokens.
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]

SCOPE = "openid profile email"
KEPT_SECONDS = 3600.0  # how long the provider's description and keys are believed
REFETCH_SECONDS = 60.0  # a key that is not known makes us ask for the keys again, at most this often
CLOCKS_DIFFER_BY = 60  # seconds
MAX_ANSWER = 512 * 1024
SIGN_INS_PER_MINUTE = 60  # of one address; a sign-in is two
TIMEOUT = aiohttp.ClientTimeout(total=10)

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class SignIn:
    """What one sign-in proves itself with, all made from the secret in the browser's cookie."""

    secret: str

    @property
    def state(self) -> str:
        return self._derive("state")

    @property
    def nonce(self) -> str:
        return self._derive("nonce")

    @property
    def verifier(self) -> str:
        return self._derive("verifier")

    def _derive(self, purpose: str) -> str:
        return hmac.digest(self.secret.encode(), purpose.encode(), hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class _Provider:
    """What the provider says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    keys: KeySet
    fetched_at: float


class OpenIdProvider:
    """The provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: _Provider | None = None
        self._one_by_one = asyncio.Lock()
        self._attempts = FixedWindow(SIGN_INS_PER_MINUTE, 60)

    @property
    def is_set_up(self) -> bool:
        settings = self._settings
        return None not in (settings.console_issuer, settings.console_client_id, settings.console_url)

    def count_attempt(self, address: str) -> None:
        """Count a request that makes us ask the provider. Raises TooManyRequests: anybody can send one."""
        network = network_of(address)
        if not self._attempts.count(network):
            raise TooManyRequests(retry_after=self._attempts.seconds_left(network))

    @property
    def redirect_uri(self) -> str:
        return f"{(self._settings.console_url or '').rstrip('/')}/console/sign-in/callback"

    async def address(self, sign_in: SignIn) -> str:
        """Return where the browser goes to sign in. Raises ProviderUnavailable."""
        provider = await self._provider()
        params = {
            "response_type": "code",
            "client_id": self._settings.console_client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": sign_in.state,
            "nonce": sign_in.nonce,
            "code_challenge": create_s256_code_challenge(sign_in.verifier),
            "code_challenge_method": "S256",
        }
        return str(add_params_to_uri(provider.authorization_endpoint, list(params.items())))

    async def finish(self, sign_in: SignIn, code: str) -> Person:
        """Exchange the code, and return who signed in. Raises SignInFailed, NoRole or ProviderUnavailable."""
        provider = await self._provider()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": sign_in.verifier,
        }
        async with self._http() as http:
            answer = await _fetch(http, "POST", provider.token_endpoint, data=form, headers=self._authorization())
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed(reason=f"the provider refused the code: {str(answer.get('error'))[:60]}")
        return self._person(await self._verified(token, sign_in))

    async def _verified(self, token: str, sign_in: SignIn) -> Mapping[str, Any]:
        """Return the claims of an ID token that is the provider's, for us, for this sign-in and of now."""
        settings = self._settings
        try:
            decoded = await self._decode(token)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": settings.console_issuer},
                    "aud": {"essential": True, "value": settings.console_client_id},
                },
                {"nonce": sign_in.nonce, "client_id": settings.console_client_id},
            )
            claims.validate(leeway=CLOCKS_DIFFER_BY)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInFailed(reason=f"the ID token is not valid: {type(error).__name__} {error}"[:200]) from error
        return dict(claims)

    async def _decode(self, token: str) -> jwt.Token:
        """Check the signature; a key that is not known may be a new one."""
        provider = await self._provider()
        try:
            return jwt.decode(token, provider.keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            if time.monotonic() - provider.fetched_at < REFETCH_SECONDS:
                raise
        self._known = None
        return jwt.decode(token, (await self._provider()).keys, algorithms=ALGORITHMS)

    def _person(self, claims: Mapping[str, Any]) -> Person:
        settings, groups = self._settings, claims.get(self._settings.console_groups_claim)
        listed = groups if isinstance(groups, list) else [groups]
        named = {group for group in listed if isinstance(group, str)}
        allowed = {
            "support": settings.console_support_groups,
            "refunder": settings.console_refunder_groups,
            "operator": settings.console_operator_groups,
        }
        roles: list[Role] = [role for role in ROLES if named.intersection(allowed[role])]
        subject = str(claims["sub"])
        if not roles:
            raise NoRole(reason=f"none of the groups of {subject[:MAX_NAME]} has a role")
        name = claims.get("preferred_username") or claims.get("email") or claims.get("name") or subject
        return Person(subject, UNPRINTABLE.sub("", str(name))[:MAX_NAME] or subject[:MAX_NAME], roles[-1])

    def _authorization(self) -> dict[str, str]:
        secret = self._settings.console_client_secret
        user = quote(self._settings.console_client_id or "", safe="")
        password = quote(secret.get_secret_value() if secret else "", safe="")  # RFC 6749, 2.3.1
        return {"Authorization": aiohttp.encode_basic_auth(user, password)}

    async def _provider(self) -> _Provider:
        """Return what the provider says of itself; of many who want it at once, one asks."""
        async with self._one_by_one:
            known = self._known
            if known is None or time.monotonic() - known.fetched_at > KEPT_SECONDS:
                known = self._known = await self._discover()
            return known

    async def _discover(self) -> _Provider:
        issuer = self._settings.console_issuer or ""
        async with self._http() as http:
            said = await _fetch(http, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != issuer:
                raise ProviderUnavailable(reason="the provider calls itself by another name than CONSOLE_ISSUER")
            try:
                keys = KeySet.import_key_set(await _fetch(http, "GET", said["jwks_uri"]))  # type: ignore[arg-type] # it checks what it gets
                return _Provider(
                    str(said["authorization_endpoint"]), str(said["token_endpoint"]), keys, fetched_at=time.monotonic()
                )
            except (KeyError, JoseError, ValueError) as error:
                raise ProviderUnavailable(reason=f"the provider's description lacks {error}"[:200]) from error

    def _http(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False)


async def _fetch(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> dict[str, Any]:
    """Return the provider's JSON, an error's too. Raises ProviderUnavailable."""
    try:
        async with http.request(method, url, allow_redirects=False, **options) as response:
            body = await response.content.read(MAX_ANSWER)
        answer = json.loads(body)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ProviderUnavailable(reason=f"{type(error).__name__} at the provider") from error
    if not isinstance(answer, dict):
        raise ProviderUnavailable(reason="the provider answered no object")
    return answer
