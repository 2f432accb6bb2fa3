"""A real OpenID provider (oidc-provider-mock) behind a layer that can lie: it signs what the provider said, changed.

The layer also checks PKCE, which that provider leaves out.
"""

import base64
import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

with warnings.catch_warnings():  # it uses parts of Authlib that will go
    warnings.simplefilter("ignore", DeprecationWarning)
    import oidc_provider_mock

CLIENT_ID, CLIENT_SECRET = "payments-console", "a secret of the console & its client"

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Provider:
    """What the provider is made to say: changes of the ID token's claims, another name, another key."""

    app: Wsgi
    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    issuer: str | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    signs_with: RSAKey | None = None
    algorithm: str = "RS256"
    challenges: dict[str, str] = field(default_factory=dict)
    token_requests: list[dict[str, str]] = field(default_factory=list)

    def honest(self) -> None:
        self.claims, self.issuer, self.signs_with, self.algorithm = {}, None, None, "RS256"
        self.token_requests = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/jwks":
            return self._json(start_response, KeySet([self.key]).as_dict(private=False))
        if request.path == "/oauth2/token":
            return self._token(request, environ, start_response)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            body, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        data = b"".join(body)
        if request.path.startswith("/.well-known/") and self.issuer:
            return self._json(start_response, json.loads(data) | {"issuer": self.issuer})
        if request.path == "/oauth2/authorize" and request.method == "POST" and "Location" in headers:
            code = parse_qs(headers["Location"].partition("?")[2]).get("code", [""])[0]
            self.challenges[code] = request.args.get("code_challenge", "")
        start_response(status, list(headers))
        return [data]

    def _token(self, request: Request, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.token_requests.append(form | {"authorization": request.headers.get("Authorization", "")})
        challenge = self.challenges.get(form.get("code", ""))
        if challenge is not None and challenge != create_s256_code_challenge(form.get("code_verifier", "")):
            return self._json(start_response, {"error": "invalid_grant"}, "400 BAD REQUEST")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            parts, status, _ = run_wsgi_app(self.app, environ, buffered=True)
        answer = json.loads(b"".join(parts))
        if "id_token" in answer:
            answer["id_token"] = self._signed(answer["id_token"])
        return self._json(start_response, answer, status)

    def _signed(self, token: str) -> str:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signs_with or self.key
        if self.algorithm == "none":
            header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
            return f"{header}.{payload}."
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, claims, key)

    def _json(self, start_response: Any, answer: object, status: str = "200 OK") -> Iterable[bytes]:
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider(oidc_provider_mock.app())
    server = make_server("127.0.0.1", 0, provider, threaded=True)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=lambda: server.serve_forever(0.05), daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)
