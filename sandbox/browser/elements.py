"""What stripe.js asks and Stripe documents no routes for: these are ours.

They are about a Checkout Session in the shop's own page, and about Elements for a PaymentIntent that is not made yet.
The publishable key and the session's client secret identify the caller, as for a PaymentIntent.
"""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.account import Account
from sandbox.api import auth, forms
from sandbox.api.params import Schema, boolean, check, hash_of, required_string, string
from sandbox.api.script_params import without_script_params
from sandbox.checkout.find import by_secret
from sandbox.checkout.payment import pay_session
from sandbox.checkout.shape import return_url, with_id
from sandbox.currencies import read_currency
from sandbox.errors import ApiError, InvalidParamError
from sandbox.payment_intents.operations import method_types
from sandbox.payment_intents.params import MANDATE_DATA, email, url
from sandbox.payment_intents.shape import public
from sandbox.payment_methods import DATA, from_data, resolve
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks.sender import Sender

ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
TYPES: Schema = {"currency": read_currency, "capture_method": string}
READ: Schema = {"client_secret": required_string}
CONFIRM: Schema = {
    **READ,
    "email": email,
    "mandate_data": hash_of(MANDATE_DATA, required=("customer_acceptance",)),
    "payment_method": required_string,
    "payment_method_data": hash_of(DATA, required=("type",)),
    "return_url": url,
    "use_stripe_sdk": boolean,
}
SHOWN = (
    "id", "object", "amount_subtotal", "amount_total", "currency", "customer", "customer_email", "livemode",
    "payment_method_types", "payment_status", "redirect_on_completion", "return_url", "status", "ui_mode",
)  # fmt: skip


class BrowserElements:
    def __init__(self, account: Account, sender: Sender) -> None:
        self._account = account
        self._sender = sender

    async def types(self, request: Request) -> Response:
        return self._answer(request.url.query, TYPES, lambda given: method_types(self._account, given))

    async def read(self, request: Request) -> Response:
        return self._answer(request.url.query, READ, self._read)

    async def confirm(self, request: Request) -> Response:
        body = await request.body()
        try:
            return self._answer(body.decode("ascii", "replace"), CONFIRM, self._confirm)
        finally:
            run_due(self._account)
            self._account.commit()
            self._sender.wake()

    def _answer(self, encoded: str, schema: Schema, work: Callable[[dict[str, Any]], JsonObject]) -> Response:
        try:
            form = forms.parse(encoded)
            auth.identify(self._account, {}, form)
            given = check(schema, without_script_params(form), required=list(schema)[:1])
            return JSONResponse(work(given), headers=ANY_ORIGIN)
        except ApiError as error:
            body = error.body()
            if intent := body["error"].get("payment_intent"):
                body["error"]["payment_intent"] = public(intent)
            return JSONResponse(body, status_code=error.status, headers=ANY_ORIGIN)

    def _read(self, given: dict[str, Any]) -> JsonObject:
        return self._shown(by_secret(self._account, given["client_secret"]))

    def _confirm(self, given: dict[str, Any]) -> JsonObject:
        session = by_secret(self._account, given["client_secret"])
        method = self._method(given)
        if not (session["customer"] or session["customer_email"] or given.get("email") or _email_of(method)):
            raise InvalidParamError("An email address is needed to confirm this Checkout Session.", param="email")
        place = with_id(given["return_url"], session) if "return_url" in given else return_url(self._account, session)
        pay_session(self._account, session, method, {**given, "return_url": place})
        run_due(self._account)
        return self._shown(self._account.the("checkout.session", session["id"]))

    def _method(self, given: dict[str, Any]) -> JsonObject:
        if "payment_method" in given:
            return resolve(self._account, given["payment_method"])
        if given.get("payment_method_data") is None:
            raise InvalidParamError("A payment method is needed to confirm this Checkout Session.")
        return from_data(self._account, given["payment_method_data"])

    def _shown(self, session: JsonObject) -> JsonObject:
        """Return what a browser may see of a session, with its items and its PaymentIntent."""
        intent = self._account.get("payment_intent", session["payment_intent"] or "")
        return {
            **{name: session[name] for name in SHOWN if name in session},
            "line_items": self._account.notes(session["id"])["items"],
            "payment_intent": intent and public(intent),
        }


def _email_of(method: JsonObject) -> str | None:
    found: str | None = method["billing_details"]["email"]
    return found


def elements_routes(account: Account, sender: Sender) -> list[Route]:
    elements = BrowserElements(account, sender)
    return [
        Route("/_sandbox/payment_method_types", elements.types),
        Route("/_sandbox/sessions", elements.read),
        Route("/_sandbox/sessions/confirm", elements.confirm, methods=["POST"]),
    ]
