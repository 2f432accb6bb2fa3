"""A browser without a screen: it keeps cookies, and sends the forms that pages have."""

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import httpx

FORM_END = "application/x-www-form-urlencoded"


@dataclass
class Visitor:
    """Somebody who looks at the console. Cookies are kept here: on http, httpx would not send those for TLS."""

    client: httpx.AsyncClient
    cookies: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, url: str, form: dict[str, str] | None = None) -> httpx.Response:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = await self.client.request(method, url, data=form, headers=headers, follow_redirects=False)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.coded_value
        return answer

    async def get(self, url: str) -> httpx.Response:
        return await self.send("GET", url)

    async def page(self, url: str) -> str:
        """Return a page, which must be there, as its source."""
        answer = await self.get(url)
        assert answer.status_code == 200, (url, answer.status_code, answer.text[:500])
        return answer.text

    async def post(self, url: str, form: dict[str, str]) -> httpx.Response:
        return await self.send("POST", url, form)

    async def form_at(self, url: str, action: str) -> dict[str, str]:
        """Return the hidden fields of the form that a page sends to an address."""
        return form_in(await self.page(url), action)


def form_in(page: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that is sent to an address."""
    match = re.search(rf'<form[^>]* action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert match, f"no form for {action}"
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', match[0])
    return {name: unescape(value) for name, value in fields}


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
