"""The pages of banks, vouchers and transfers, where a person chooses what becomes of a payment."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.account import Account
from sandbox.api import forms
from sandbox.browser.pages import message_page, method_page
from sandbox.browser.routes import NOT_FOUND, SEE_OTHER, with_result
from sandbox.methods.finish import Outcome, finish
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks.sender import Sender

_VOUCHER = {"succeed": "Pay the voucher", "expire": "Let it expire"}
BUTTONS: Mapping[str, Mapping[str, str]] = {
    "boleto_display_details": _VOUCHER,
    "display_bank_transfer_instructions": {"succeed": "Transfer what is missing"},
    "multibanco_display_details": _VOUCHER,
    "redirect_to_url": {
        "succeed": "Authorize test payment", "fail": "Fail test payment", "close": "Close the page",
    },
    "verify_with_microdeposits": {"succeed": "Verify the account", "fail": "Fail the verification"},
}  # fmt: skip
_OUTCOMES: Mapping[str, Outcome] = {"succeed": "succeed", "fail": "fail", "expire": "expire"}
_FACTS = ("number", "entity", "reference", "amount_remaining")


class MethodPages:
    def __init__(self, account: Account, sender: Sender) -> None:
        self._account = account
        self._sender = sender

    async def show(self, request: Request) -> Response:
        intent = self._waiting(request)
        if intent is None:
            return HTMLResponse(message_page("This page is no longer available."), status_code=NOT_FOUND)
        action = intent["next_action"]["type"]
        details = intent["next_action"][action]
        facts = {name.replace("_", " ").capitalize(): str(details[name]) for name in _FACTS if name in details}
        return HTMLResponse(method_page(intent, request.path_params["kind"], facts, BUTTONS[action]))

    async def choose(self, request: Request) -> Response:
        """Do what the person chose; a redirect then leads back to the shop, unless the page was closed."""
        intent = self._waiting(request)
        if intent is None:
            return HTMLResponse(message_page("This page is no longer available."), status_code=NOT_FOUND)
        form = forms.parse((await request.body()).decode("ascii", "replace"))
        outcome = _OUTCOMES.get(str(form.get("outcome")))
        if outcome is None:
            return HTMLResponse(message_page("You can close this page. The payment still waits."))
        changed = finish(self._account, intent, outcome)
        run_due(self._account)
        self._account.commit()
        self._sender.wake()
        if intent["next_action"]["type"] == "redirect_to_url":
            return_url = intent["next_action"]["redirect_to_url"]["return_url"]
            return RedirectResponse(with_result(return_url, changed), status_code=SEE_OTHER)
        return HTMLResponse(message_page("Done. You can close this page."))

    def _waiting(self, request: Request) -> JsonObject | None:
        intent = self._account.get("payment_intent", request.path_params["id"])
        if intent is None or intent["status"] != "requires_action" or intent["next_action"]["type"] not in BUTTONS:
            return None
        is_current = self._account.notes(intent["id"]).get("page") == request.path_params["token"]
        return intent if is_current else None


def method_routes(account: Account, sender: Sender) -> list[Route]:
    pages = MethodPages(account, sender)
    path = "/_sandbox/pay/{kind}/{id}/{token}"
    return [
        Route(path, pages.show),
        Route(f"{path}/pdf", pages.show),
        Route(path, pages.choose, methods=["POST"]),
    ]
