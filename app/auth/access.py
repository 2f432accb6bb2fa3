"""What a process keeps to authenticate requests: proved keys, signing keys, and how often each address failed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from app.auth.api_keys import PREFIX, Caller
from app.auth.checkout_tokens import CheckoutGrant, CheckoutTokens
from app.auth.errors import InvalidCredential
from app.auth.rate_limits import RateLimits
from app.auth.verified_keys import VerifiedKeys
from app.resources import Resources

Credential = Caller | CheckoutGrant

# Keys of addresses that failed too often are looked up one after another; beyond so many that wait they get 429.
MAX_WAITING = 50


@dataclass(slots=True)
class Access:
    """Authenticates API keys and checkout tokens."""

    keys: VerifiedKeys
    tokens: CheckoutTokens
    limits: RateLimits
    _one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

    async def authenticate(self, credential: str, address: str) -> Credential:
        """Return who shows this API key or checkout token.

        Raises InvalidCredential, or TooManyRequests when the address failed too often or the token is used too often.
        What is valid is accepted from any address, so that a bad neighbour behind the same proxy locks nobody out.
        """
        if caller := self.keys.remembered(credential):
            return caller
        is_within = self.limits.begin_attempt(address)  # before the look-up: many at once are counted, too
        found = await self._identify(credential, address, is_within=is_within)
        if found is None:
            raise (
                InvalidCredential(reason=f"unknown, wrong, revoked or expired; from {address}")
                if is_within
                else (self.limits.too_many_failures(address))
            )
        self.limits.succeed(address)
        if isinstance(found, CheckoutGrant):
            self.limits.count_token_request(found.token_id)
        return found

    async def _identify(self, credential: str, address: str, *, is_within: bool) -> Credential | None:
        if not credential.startswith(f"{PREFIX}_"):
            return self.tokens.verify(credential)
        if is_within:
            return await self.keys.prove(credential)
        return await self._prove_one_by_one(credential, address)

    async def _prove_one_by_one(self, key: str, address: str) -> Caller | None:
        """Look a key up that comes from an address which failed too often, without taking the database from others."""
        if self._waiting >= MAX_WAITING:
            raise self.limits.too_many_failures(address)
        self._waiting += 1
        try:
            async with self._one_by_one:
                return self.keys.remembered(key) or await self.keys.prove(key)
        finally:
            self._waiting -= 1


@asynccontextmanager
async def open_access(resources: Resources) -> AsyncIterator[Access]:
    """Open what authenticates; the last uses of keys are written beside the requests, and once more at the end."""
    settings = resources.settings
    keys = VerifiedKeys(resources.database)
    tokens = CheckoutTokens(settings.checkout_token_keys, instance=settings.instance)
    limits = RateLimits(
        failed_authentications_per_minute=settings.failed_authentications_per_minute,
        token_requests_per_second=settings.token_requests_per_second,
    )
    writing = asyncio.create_task(keys.write_last_uses_forever())
    try:
        yield Access(keys, tokens, limits)
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await keys.write_last_uses()


async def _of_request(request: Request) -> Access:
    access: Access = request.state.access
    return access


AccessDependency = Annotated[Access, Depends(_of_request)]
