"""The script, the 3DS page for redirects, and what the dialog of stripe.js reports."""

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.account import Account
from sandbox.api import auth, forms
from sandbox.browser.pages import challenge_page, message_page
from sandbox.config import API_VERSION
from sandbox.errors import ApiError, missing
from sandbox.payment_intents.authentication import fail_challenge, pass_challenge
from sandbox.payment_intents.shape import public
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks.sender import Sender

SCRIPT = Path(__file__).parent / "stripe.js"
DASHBOARD = Path(__file__).parent / "dashboard.html"
RELEASE = API_VERSION.partition(".")[2]
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
SEE_OTHER, NOT_FOUND = 303, 404
_FINE = frozenset({"succeeded", "processing", "requires_capture", "requires_confirmation"})


class Browser:
    def __init__(self, account: Account, sender: Sender) -> None:
        self._account = account
        self._sender = sender

    async def script(self, _: Request) -> Response:
        headers = {**ANY_ORIGIN, "Cache-Control": "no-cache"}
        return FileResponse(SCRIPT, media_type="text/javascript; charset=utf-8", headers=headers)

    async def dashboard(self, _: Request) -> Response:
        return FileResponse(DASHBOARD, media_type="text/html", headers={"Cache-Control": "no-cache"})

    async def authenticate(self, request: Request) -> Response:
        """Record the result of the 3DS dialog; the client secret identifies the PaymentIntent."""
        try:
            form = forms.parse((await request.body()).decode("ascii", "replace"))
            auth.identify(self._account, {}, form)
            intent = self._by_secret(str(form.get("client_secret")))
            changed = self._finish(intent, passed=form.get("outcome") == "succeed")
        except ApiError as error:
            return JSONResponse(error.body(), status_code=error.status, headers=ANY_ORIGIN)
        return JSONResponse(public(changed), headers=ANY_ORIGIN)

    async def page(self, request: Request) -> Response:
        intent = self._challenged(request)
        if intent is None:
            return HTMLResponse(message_page("This challenge is over."), status_code=NOT_FOUND)
        return HTMLResponse(challenge_page(intent))

    async def submit(self, request: Request) -> Response:
        """Record the result of the 3DS page, and redirect to the shop as Stripe does."""
        intent = self._challenged(request)
        if intent is None:
            return HTMLResponse(message_page("This challenge is over."), status_code=NOT_FOUND)
        form = forms.parse((await request.body()).decode("ascii", "replace"))
        changed = self._finish(intent, passed=form.get("outcome") == "succeed")
        return_url = self._account.notes(intent["id"]).get("return_url")
        if return_url is None:
            return HTMLResponse(message_page("Done. You can close this page."))
        return RedirectResponse(with_result(return_url, changed), status_code=SEE_OTHER)

    def _by_secret(self, client_secret: str) -> JsonObject:
        identifier = client_secret.partition("_secret_")[0]
        intent = self._account.get("payment_intent", identifier)
        if intent is None or intent["client_secret"] != client_secret:
            raise missing("payment_intent", identifier, "client_secret", NOT_FOUND)
        return intent

    def _challenged(self, request: Request) -> JsonObject | None:
        intent = self._account.get("payment_intent", request.path_params["id"])
        if intent is None or intent["status"] != "requires_action":
            return None
        token = self._account.notes(intent["id"]).get("challenge")
        return intent if token == request.path_params["token"] else None

    def _finish(self, intent: JsonObject, *, passed: bool) -> JsonObject:
        changed = pass_challenge(self._account, intent) if passed else fail_challenge(self._account, intent)
        run_due(self._account)
        self._account.commit()
        self._sender.wake()
        return changed


def with_result(return_url: str, intent: JsonObject) -> str:
    result = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] in _FINE else "failed",
    }
    parts = urlsplit(return_url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *result.items()])
    return urlunsplit(parts._replace(query=query))


def browser_routes(account: Account, sender: Sender) -> list[Route]:
    browser = Browser(account, sender)
    return [
        Route("/", browser.dashboard),
        Route("/v3", browser.script),
        Route("/v3/", browser.script),
        Route(f"/{RELEASE}/stripe.js", browser.script),
        Route("/_sandbox/authenticate", browser.authenticate, methods=["POST"]),
        Route("/_sandbox/3ds/{id}/{token}", browser.page),
        Route("/_sandbox/3ds/{id}/{token}", browser.submit, methods=["POST"]),
    ]
