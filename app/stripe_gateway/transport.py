"""Send the library's requests with aiohttp.

The library's own aiohttp client does not map errors that happen while a body is read. It also drops an answer that was
not read to its end without closing the connection.
"""

from collections.abc import Mapping

import aiohttp
import stripe


class Transport(stripe.HTTPClient):
    """Send over a session, which bounds each attempt in time. Every failure is an APIConnectionError."""

    name = "aiohttp"

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__()
        self._session = session

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        sending = self._session.request(method, url, headers=headers, data=post_data, allow_redirects=False)
        try:
            async with sending as response:
                return await response.read(), response.status, response.headers
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise stripe.APIConnectionError("Stripe did not answer.") from error  # type: ignore[no-untyped-call]
