"""The page that a Checkout Session leads to, or that stands in a frame of the shop's page."""

import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.account import Account
from sandbox.api import forms
from sandbox.browser.pages import checkout_page, completed_page, message_page
from sandbox.checkout.payment import pay_session
from sandbox.checkout.shape import return_url, with_id
from sandbox.errors import ApiError
from sandbox.payment_methods import from_data
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks.sender import Sender

SEE_OTHER, NOT_FOUND, PAYMENT_REQUIRED = 303, 404, 402


class CheckoutPage:
    def __init__(self, account: Account, sender: Sender) -> None:
        self._account = account
        self._sender = sender

    async def show(self, request: Request) -> Response:
        session = self._session(request)
        return self._leave(session) if session["status"] != "open" else self._form(session)

    async def pay(self, request: Request) -> Response:
        session = self._session(request)
        if session["status"] != "open":
            return self._leave(session)
        form = forms.parse((await request.body()).decode("ascii", "replace"))
        try:
            method = from_data(self._account, _method(form))
            intent = pay_session(self._account, session, method, {"return_url": return_url(self._account, session)})
        except ApiError as error:
            return self._form(session, error.message)
        finally:
            self._finish()
        if intent["status"] == "requires_action":
            return RedirectResponse(intent["next_action"]["redirect_to_url"]["url"], status_code=SEE_OTHER)
        return self._leave(self._account.the("checkout.session", session["id"]))

    def _finish(self) -> None:
        run_due(self._account)
        self._account.commit()
        self._sender.wake()

    def _session(self, request: Request) -> JsonObject:
        """Return the session of the path; one that is embedded has no page without its client secret."""
        session = self._account.get("checkout.session", request.path_params["id"])
        has_page = session is not None and (
            session["ui_mode"] == "hosted_page"
            or (
                session["ui_mode"] == "embedded_page"
                and request.query_params.get("client_secret") == session["client_secret"]
            )
        )
        return session if session is not None and has_page else {"status": "unknown"}

    def _form(self, session: JsonObject, problem: str | None = None) -> Response:
        intent = self._account.get("payment_intent", session["payment_intent"] or "")
        last_error = intent and intent["last_payment_error"]
        problem = problem or (last_error["message"] if last_error else None)
        items = self._account.notes(session["id"])["items"]
        status = PAYMENT_REQUIRED if problem else 200
        return HTMLResponse(checkout_page(session, items, problem), status_code=status)

    def _leave(self, session: JsonObject) -> Response:
        if session["status"] != "complete":
            return HTMLResponse(message_page("This page is no longer available."), status_code=NOT_FOUND)
        if session["ui_mode"] == "embedded_page":
            return HTMLResponse(completed_page(session))
        return RedirectResponse(with_id(session["success_url"], session), status_code=SEE_OTHER)


def _method(form: forms.Form) -> forms.Form:
    """Read the fields of the page as the data of a PaymentMethod."""
    expiry = re.sub(r"[^0-9]", "", str(form.get("expiry", ""))) or "0"
    card = {
        "number": str(form.get("number", "")),
        "exp_month": int(expiry[:2]),
        "exp_year": int(expiry[2:6] or 0),
        "cvc": str(form.get("cvc", "")),
    }
    billing = {"email": form.get("email") or None, "name": form.get("name") or None}
    return {"type": "card", "card": card, "billing_details": billing}


def checkout_routes(account: Account, sender: Sender) -> list[Route]:
    page = CheckoutPage(account, sender)
    return [
        Route("/_sandbox/checkout/{id}", page.show),
        Route("/_sandbox/checkout/{id}", page.pay, methods=["POST"]),
    ]
