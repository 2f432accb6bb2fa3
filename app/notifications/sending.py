"""Send one event to one endpoint: within a time, to nowhere else, and read little of the answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from app import __version__
from app.errors import PaymentsError
from app.notifications.addresses import Permitted, PinningResolver, check
from app.observability.redaction import redact
from app.settings import Settings

EXCERPT_BYTES = 1024
HEADERS = {"Content-Type": "application/json", "User-Agent": f"payments/{__version__}"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an endpoint answered; without a status, why it did not. `retry_after` is in seconds."""

    milliseconds: int
    status: int | None = None
    error: str | None = None
    excerpt: str | None = None
    retry_after: float | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own border

    @property
    def is_gone(self) -> bool:
        return self.status == 410  # noqa: PLR2004 - as above


class Sender:
    """HTTP to endpoints. Bound to one event loop."""

    def __init__(self, https: aiohttp.ClientSession, http: aiohttp.ClientSession, permitted: Permitted) -> None:
        self._https, self._http = https, http
        self._permitted = permitted

    async def send(self, url: str, body: str, headers: dict[str, str]) -> Outcome:
        """Post an event; every failure is an outcome."""
        began = time.monotonic()
        is_https = urlsplit(url).scheme == "https"
        try:
            check(urlsplit(url).hostname or "", self._permitted, is_https=is_https)
            session = self._https if is_https else self._http
            async with session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response:
                excerpt = await response.content.read(EXCERPT_BYTES)
                response.close()  # whatever else it would send
                return Outcome(
                    _since(began),
                    response.status,
                    excerpt=redact(excerpt.decode("utf-8", "replace").replace("\x00", "")) or None,
                    retry_after=_seconds(response.headers.get("Retry-After")),
                )
        except PaymentsError as error:  # an address that is not permitted, or not found
            return Outcome(_since(began), error=error.code)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            return Outcome(_since(began), error=_why(error))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdigit() and len(retry_after) < 7 else None  # noqa: PLR2004 - some days


def _why(error: BaseException) -> str:
    """Return why there was no answer, in a word, without the address: it may hold a secret."""
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__


@asynccontextmanager
async def open_sender(settings: Settings) -> AsyncIterator[Sender]:
    """Open the connections. No proxy of the environment and no cookie is used."""
    permitted = Permitted(settings.notification_networks)
    timeout = aiohttp.ClientTimeout(total=settings.notification_timeout.total_seconds())

    def session(*, is_https: bool) -> aiohttp.ClientSession:
        resolver = PinningResolver(permitted, is_https=is_https)
        connector = aiohttp.TCPConnector(limit=0, resolver=resolver, use_dns_cache=False)
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, cookie_jar=jar, headers=HEADERS, max_line_size=8190
        )

    async with session(is_https=True) as https, session(is_https=False) as http:
        yield Sender(https, http, permitted)
