"""The example shop's notification endpoint: made at the first start, and given a new secret at each later one."""

import json
import urllib.request
from typing import Any
from urllib.error import URLError

PATH = "/v1/notification-endpoints"
TIMEOUT_SECONDS = 10

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the environment is not for us


def secret_for(api_url: str, api_key: str, hook: str) -> str:
    """Return the secret of the endpoint that leads to the shop; empty when notifications are switched off."""

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(api_url + path, data, headers, method=method)  # noqa: S310 - our own address
        with _direct.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)

    try:
        known = [each["id"] for each in call("GET", PATH)["data"] if each["url"] == hook]
        if known:
            return str(call("POST", f"{PATH}/{known[0]}/rotate-secret", {"overlap_seconds": 0})["secret"])
        return str(call("POST", PATH, {"url": hook, "types": ["*"], "description": "The example shop"})["secret"])
    except (URLError, ValueError, KeyError):
        return ""
