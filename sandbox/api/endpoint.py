"""The ASGI endpoint of `/v1`: one request from its bytes to its answer.

The order is Stripe's: key, limits, idempotency, then the work. The work is one synchronous step with one commit, so
an answer is on its way only when all that it says is kept.
"""

import json
from collections import deque
from email.utils import formatdate
from typing import Any

from starlette.types import Receive, Scope, Send

from sandbox.account import Account, Cause
from sandbox.api import auth, forms, permissions
from sandbox.api.expand import check_expand, expanded
from sandbox.api.faults import Fault, Faults
from sandbox.api.idempotency import IdempotencyKeys
from sandbox.api.operation import Call, Operation, Routes
from sandbox.api.params import check
from sandbox.api.requests import Logged, new_log
from sandbox.api.script_params import without_script_params
from sandbox.api.stripe_params import STRIPE_PARAMS, check_params, missing_param
from sandbox.api.wire import MAX_BODY, Answer, Cut, cut, read_body, respond
from sandbox.config import API_VERSION, Lenient
from sandbox.errors import ApiError, InvalidParamError, NotImplementedHereError
from sandbox.payment_intents.shape import public
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks.sender import Sender

_encode = json.JSONEncoder(separators=(",", ":")).encode
OK, TOO_LARGE = 200, 413


class Endpoint:
    def __init__(self, account: Account, routes: Routes, sender: Sender) -> None:
        self._account = account
        self._routes = routes
        self._sender = sender
        self.faults = Faults()
        self.keys = IdempotencyKeys(account)
        self.log: deque[Logged] = new_log()

    def forget(self) -> None:
        self.faults.clear()
        self.keys.forget()
        self.log.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await read_body(receive)
        if body is None:
            return
        logged = Logged(scope["method"], scope["path"], self._account.ids.new("req"))
        self.log.append(logged)
        self._account.base_url = self._account.config.public_url or f"http://{headers.get('host', '127.0.0.1')}"
        fault = self.faults.take(logged.method, logged.path)
        try:
            answer = await self._answer(scope, headers, body, logged, fault)
        except Cut:
            await cut(scope, receive)
            return
        await self._send(scope, receive, send, answer, logged, fault)

    async def _send(
        self, scope: Scope, receive: Receive, send: Send, answer: Answer, logged: Logged, fault: Fault | None
    ) -> None:
        await self.faults.wait(logged.method, logged.path, is_after=True)
        if fault is not None and fault.kind == "lose_answer":
            await cut(scope, receive)
            return
        if fault is not None and fault.kind == "malformed":
            answer = Answer(answer.status, "<html><body>upstream connect error", answer.headers)
        logged.status = answer.status
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(self._account.clock.now(), usegmt=True),
            "Request-Id": logged.request_id,
            "Stripe-Version": API_VERSION,
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Request-Id, Stripe-Manage-Version",
            **answer.headers,
        }
        if logged.idempotency_key is not None:
            headers["Idempotency-Key"] = logged.idempotency_key
        is_cut = fault is not None and fault.kind == "cut_answer"
        await respond(send, Answer(answer.status, answer.body, headers), is_cut=is_cut)
        if is_cut:
            await cut(scope, receive)

    async def _answer(
        self, scope: Scope, headers: dict[str, str], body: bytes, logged: Logged, fault: Fault | None
    ) -> Answer:
        try:
            form = _form(scope, body)
            logged.params = dict(form)
            caller = auth.identify(self._account, headers, form)
            logged.is_publishable = caller.is_publishable
            permissions.check(self._account, caller.key, logged.method, logged.path)
            if logged.method == "POST":
                logged.idempotency_key = headers.get("idempotency-key")
            if fault is not None and fault.is_before_the_key:
                await self.faults.delay(logged.method, logged.path)
                if fault.kind == "drop":
                    raise Cut
                raise self._failure(fault, logged)
            if logged.idempotency_key:
                return await self._once(form, logged, fault)
            await self.faults.delay(logged.method, logged.path)
            return self._work(form, logged, fault)[0]
        except ApiError as error:
            return _refusal(error, logged)

    async def _once(self, form: forms.Form, logged: Logged, fault: Fault | None) -> Answer:
        """Do the work unless its key is known; keep the first answer."""
        key, endpoint = logged.idempotency_key or "", f"{logged.method} {logged.path}"
        stored = self.keys.begin(key, endpoint, form)
        if stored is not None:
            logged.is_replayed = True
            headers = {"Idempotent-Replayed": "true", "Original-Request": stored["request_id"]}
            return Answer(stored["status"], stored["body"], headers)
        try:
            await self.faults.delay(logged.method, logged.path)
            answer, is_stored = self._work(form, logged, fault, key)
            if is_stored:
                value = {"status": answer.status, "body": answer.body, "request_id": logged.request_id}
                self.keys.finish(key, value, endpoint, form)
                self._account.commit()
            return answer
        finally:
            self.keys.abandon(key)

    def _work(
        self, form: forms.Form, logged: Logged, fault: Fault | None, key: str | None = None
    ) -> tuple[Answer, bool]:
        """Do the work in one step; return the answer, and whether it is stored under the key."""
        self._account.cause = Cause(logged.request_id, key)
        try:
            if fault is not None and fault.kind == "fail" and not fault.is_done:
                raise self._failure(fault, logged)
            answer, is_stored = Answer(OK, _encode(self._done(form, logged))), True
            if fault is not None and fault.kind == "fail":
                raise self._failure(fault, logged)
        except ApiError as error:
            answer, is_stored = _refusal(error, logged), error.is_stored
        finally:
            self._account.cause = Cause()
        run_due(self._account)
        if not (is_stored and key):
            self._account.commit()
        self._sender.wake()
        return answer, is_stored

    def _failure(self, fault: Fault, logged: Logged) -> ApiError:
        error = fault.error()
        if fault.is_shown and logged.path.startswith("/v1/payment_intents/"):
            error.details["payment_intent"] = self._account.get("payment_intent", logged.path.split("/")[3])
        return error

    def _done(self, form: forms.Form, logged: Logged) -> JsonObject:
        operation, call = _call(self._routes, form, logged, self._account.config.lenient)
        wanted = call.params.get("expand", ())
        check_expand(call.path, wanted)
        result = expanded(self._account, operation.run(self._account, call), wanted)
        return public(result) if call.is_publishable else result


def _form(scope: Scope, body: bytes) -> forms.Form:
    if len(body) > MAX_BODY:
        raise InvalidParamError("The request is too large.", status=TOO_LARGE)
    encoded = body if scope["method"] == "POST" else scope["query_string"]
    try:
        return forms.parse(encoded.decode("ascii"))
    except UnicodeDecodeError:
        raise InvalidParamError("Invalid request: the parameters are not form-encoded.") from None


def _call(routes: Routes, form: forms.Form, logged: Logged, lenient: Lenient) -> tuple[Operation, Call]:
    found = routes.find(logged.method, logged.path)
    if found is None:
        raise NotImplementedHereError(f"{logged.method} {logged.path}")
    operation, identifier = found
    if logged.is_publishable and not operation.allows_publishable:
        raise auth.not_publishable()
    given: dict[str, Any] = dict(form)
    if logged.is_publishable and "client_secret" not in given and identifier:
        raise missing_param("client_secret")
    is_from_stripe_js = logged.is_publishable and "expected_payment_method_type" in given
    if logged.is_publishable:
        given = without_script_params(given)
    params = _checked(operation, given, lenient)
    client_secret = params.pop("client_secret", None)
    path = logged.path.rstrip("/")
    return operation, Call(
        logged.method, path, params, identifier, client_secret, logged.is_publishable, is_from_stripe_js
    )


def _checked(operation: Operation, given: dict[str, Any], lenient: Lenient) -> dict[str, Any]:
    """Check the parameters as Stripe does, then read those that the sandbox implements."""
    name = operation.method, operation.path
    unchecked = lenient.empty_strings if name == ("POST", "/v1/payment_intents/:id") else ()
    check_params(STRIPE_PARAMS[name], given, unchecked=unchecked)
    return check(operation.schema, given)


def _refusal(error: ApiError, logged: Logged) -> Answer:
    body = error.body()
    body["error"]["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{logged.request_id}"
    intent = body["error"].get("payment_intent")
    if intent is not None and logged.is_publishable:
        body["error"]["payment_intent"] = public(intent)
    return Answer(error.status, _encode(body), error.headers)
