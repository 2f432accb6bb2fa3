"""What a process keeps to tell who may enter: proved keys, signing keys, and how often somebody knocked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Request

from app.auth.api_keys import PREFIX, Caller
from app.auth.checkout_tokens import CheckoutGrant, CheckoutTokens
from app.auth.errors import InvalidCredential
from app.auth.rate_limits import Rates
from app.auth.verified_keys import VerifiedKeys
from app.resources import Resources

log = structlog.get_logger()

Credential = Caller | CheckoutGrant


@dataclass(frozen=True, slots=True)
class Access:
    """Who may enter."""

    keys: VerifiedKeys
    tokens: CheckoutTokens
    rates: Rates

    async def admit(self, credential: str, address: str) -> Credential:
        """Tell who shows this API key or checkout token.

        Raises InvalidCredential, or TooManyRequests when the address failed too often or the token is used too
        often. A key proved a moment ago enters from any address, so that one bad neighbour does not lock out all.
        """
        if caller := self.keys.remembered(credential):
            return caller
        await self.rates.check_failures(address)
        found = await self._identify(credential)
        if found is None:
            await self.rates.count_failure(address)
            log.warning("authentication.failed", address=address)
            raise InvalidCredential
        if isinstance(found, CheckoutGrant):
            await self.rates.count_token_request(found.token_id)
        return found

    async def _identify(self, credential: str) -> Credential | None:
        if credential.startswith(f"{PREFIX}_"):
            return await self.keys.prove(credential)
        return self.tokens.verify(credential)


@asynccontextmanager
async def open_access(resources: Resources) -> AsyncIterator[Access]:
    """Open the doors; the last uses of keys are written beside the requests, and once more at the end."""
    settings = resources.settings
    keys = VerifiedKeys(resources.database)
    tokens = CheckoutTokens(settings.checkout_token_keys, instance=settings.instance)
    rates = Rates(
        failed_authentications_per_minute=settings.failed_authentications_per_minute,
        token_requests_per_second=settings.token_requests_per_second,
    )
    writing = asyncio.create_task(keys.write_last_uses_forever())
    try:
        yield Access(keys, tokens, rates)
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await keys.write_last_uses()


async def _of_request(request: Request) -> Access:
    access: Access = request.state.access
    return access


AccessDependency = Annotated[Access, Depends(_of_request)]
