"""The HTTP connection of the sandbox's client."""

import functools
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

JsonObject = dict[str, Any]


@functools.cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once, not for each client."""
    return ssl.create_default_context()


def flat(params: Mapping[str, Any], inside: str = "") -> dict[str, str]:
    """Return nested parameters as a form names them: `card[number]`."""
    form: dict[str, str] = {}
    for name, value in params.items():
        path = f"{inside}[{name}]" if inside else name
        form |= flat(value, path) if isinstance(value, Mapping) else {path: str(value)}
    return form


class ControlConnection:
    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout, trust_env=False, verify=_tls())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def _list(self, path: str) -> list[JsonObject]:
        found: list[JsonObject] = (await self._answer("GET", path)).json()
        return found

    async def _call(
        self, method: str, path: str, body: JsonObject | None = None, params: dict[str, str] | None = None
    ) -> JsonObject:
        answer = await self._answer(method, path, body, params)
        found: JsonObject = answer.json() if answer.content else {}
        return found

    async def _answer(
        self, method: str, path: str, body: JsonObject | None = None, params: dict[str, str] | None = None
    ) -> httpx.Response:
        answer = await self._http.request(method, f"/_sandbox/{path}", json=body, params=params)
        return answer.raise_for_status()
