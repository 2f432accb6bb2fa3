"""`/_sandbox/…`: what a test or a person tells the sandbox to do. `sandbox.control` is the client of it.

A page of another origin may not call it: whoever runs a browser beside the sandbox must not find it reset.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.account import Account
from sandbox.api.endpoint import Endpoint
from sandbox.api.faults import Fault, Hold, Latency
from sandbox.checkout.payment import pay_session
from sandbox.control_bodies import (
    AdvanceBody,
    AuthenticateBody,
    Body,
    CancelBody,
    FaultBody,
    HoldBody,
    LatencyBody,
    PayBody,
    RefundBody,
    RollBody,
    WaitBody,
    WebhooksBody,
)
from sandbox.dashboard import cancel_payment_intent, refund_payment_intent
from sandbox.errors import ApiError
from sandbox.events import add_delivery
from sandbox.payment_intents.authentication import fail_challenge, pass_challenge
from sandbox.payment_methods import resolve
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks import endpoints
from sandbox.webhooks.mode import DeliveryMode
from sandbox.webhooks.sender import Sender

NO_CONTENT, BAD_REQUEST, FORBIDDEN, NOT_FOUND, TIMED_OUT = 204, 400, 403, 404, 408


_Body = TypeVar("_Body", bound=Body)


class Control:
    def __init__(self, account: Account, api: Endpoint, sender: Sender) -> None:
        self._account = account
        self._api = api
        self._sender = sender

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def reset(self, _: Request) -> Response:
        await self._sender.reset()
        self._api.forget()
        self._account.forget()
        endpoints.configure(self._account)
        return self._committed()

    async def add_fault(self, request: Request) -> Response:
        body = await _read(request, FaultBody)
        self._api.faults.planned.append(Fault(**body.model_dump()))
        return Response(status_code=NO_CONTENT)

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in self._api.faults.planned])

    async def clear_faults(self, _: Request) -> Response:
        self._api.faults.clear()
        return Response(status_code=NO_CONTENT)

    async def set_latency(self, request: Request) -> Response:
        body = await _read(request, LatencyBody)
        latencies = self._api.faults.latencies
        latencies[:] = [entry for entry in latencies if (entry.method, entry.path) != (body.method, body.path)]
        if body.seconds > 0:
            latencies.append(Latency(**body.model_dump()))
        return Response(status_code=NO_CONTENT)

    async def hold(self, request: Request) -> Response:
        body = await _read(request, HoldBody)
        self._api.faults.holds.append(Hold(**body.model_dump()))
        return Response(status_code=NO_CONTENT)

    async def held(self, _: Request) -> Response:
        return JSONResponse({"waiting": sum(hold.waiting for hold in self._api.faults.holds)})

    async def release(self, request: Request) -> Response:
        return JSONResponse({"released": self._api.faults.release(request.query_params.get("path"))})

    async def objects(self, request: Request) -> Response:
        kind = request.path_params["kind"].removesuffix("s")
        return JSONResponse(list(self._account.store.oldest(kind)))

    async def count(self, request: Request) -> Response:
        kind = request.path_params["kind"].removesuffix("s")
        return JSONResponse({"count": self._account.store.count(kind)})

    async def requests(self, _: Request) -> Response:
        return JSONResponse([logged.shown() for logged in self._api.log])

    async def clear_requests(self, _: Request) -> Response:
        self._api.log.clear()
        return Response(status_code=NO_CONTENT)

    async def publishable_key(self, _: Request) -> Response:
        return JSONResponse({"publishable_key": self._account.config.publishable_key or "pk_test_sandbox"})

    async def authenticate(self, request: Request) -> Response:
        body = await _read(request, AuthenticateBody)
        intent = self._intent(request)
        if body.outcome == "succeed":
            result = pass_challenge(self._account, intent)
        else:
            result = fail_challenge(self._account, intent, body.leaves_charge)
        return self._committed(result)

    async def pay_session(self, request: Request) -> Response:
        body = await _read(request, PayBody)
        session = self._account.get("checkout.session", request.path_params["id"])
        if session is None:
            raise ApiError("There is no such Checkout Session.", status=NOT_FOUND)
        try:
            pay_session(self._account, session, resolve(self._account, body.payment_method))
        finally:
            self._committed()
        return JSONResponse(self._account.get("checkout.session", session["id"]))

    async def cancel(self, request: Request) -> Response:
        body = await _read(request, CancelBody)
        return self._committed(cancel_payment_intent(self._account, self._intent(request), body.reason))

    async def refund(self, request: Request) -> Response:
        body = await _read(request, RefundBody)
        intent = self._intent(request)
        return self._committed(refund_payment_intent(self._account, intent, body.amount, body.reason))

    async def webhooks(self, request: Request) -> Response:
        body = await _read(request, WebhooksBody)
        for name, value in body.model_dump(exclude_none=True).items():
            setattr(self._account.deliveries, name, value)
        self._sender.look_again()
        return JSONResponse(asdict(self._account.deliveries))

    async def normal_webhooks(self, _: Request) -> Response:
        self._account.deliveries = DeliveryMode()
        self._sender.look_again()
        return Response(status_code=NO_CONTENT)

    async def deliveries(self, _: Request) -> Response:
        return JSONResponse(list(self._account.store.oldest("delivery")))

    async def deliver_pending(self, _: Request) -> Response:
        await self._sender.attempt_all()
        return JSONResponse({"pending": self._sender.pending()})

    async def wait_idle(self, request: Request) -> Response:
        body = await _read(request, WaitBody)
        try:
            await asyncio.wait_for(self._sender.wait_idle(), body.timeout)
        except TimeoutError:
            return JSONResponse({"error": "Deliveries are still pending."}, status_code=TIMED_OUT)
        return JSONResponse({"pending": 0})

    async def roll_secret(self, request: Request) -> Response:
        body = await _read(request, RollBody)
        secret = endpoints.roll_secret(self._account, body.endpoint, body.overlap)
        self._account.commit()
        return JSONResponse({"secret": secret})

    async def redeliver(self, request: Request) -> Response:
        event_id = request.path_params["id"]
        if self._account.get("event", event_id) is None:
            raise ApiError(f"No such event: '{event_id}'", status=NOT_FOUND)
        copies = len(self._account.store.where("delivery", "event", event_id))
        for place, endpoint in enumerate(self._account.store.oldest("webhook_endpoint")):
            add_delivery(self._account, event_id, endpoint["id"], copy=copies + place)
        return self._committed()

    async def clock(self, _: Request) -> Response:
        return JSONResponse({"now": self._account.clock.now(), "offset": self._account.clock.offset})

    async def advance(self, request: Request) -> Response:
        body = await _read(request, AdvanceBody)
        if body.seconds < 0:
            raise ApiError("The clock never goes back.")
        self._account.clock.advance(body.seconds)
        run_due(self._account)
        self._committed()
        self._sender.look_again()
        return await self.clock(request)

    def _intent(self, request: Request) -> JsonObject:
        intent = self._account.get("payment_intent", request.path_params["id"])
        if intent is None:
            raise ApiError("There is no such PaymentIntent.", status=NOT_FOUND)
        return intent

    def _committed(self, result: JsonObject | None = None) -> Response:
        run_due(self._account)
        self._account.commit()
        self._sender.wake()
        return Response(status_code=NO_CONTENT) if result is None else JSONResponse(result)


async def _read(request: Request, kind: type[_Body]) -> _Body:
    return kind.model_validate_json(await request.body() or b"{}")


Handler = Callable[[Request], Awaitable[Response]]


def _guarded(handler: Handler) -> Handler:
    """Refuse pages of other origins, and say plainly what is wrong with a request."""

    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
            return JSONResponse({"error": "Not from another origin."}, status_code=FORBIDDEN)
        try:
            return await handler(request)
        except ValidationError as error:
            errors: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": errors}, status_code=BAD_REQUEST)
        except ApiError as error:
            return JSONResponse(error.body(), status_code=error.status)

    return guarded


def control_routes(account: Account, api: Endpoint, sender: Sender) -> list[Route]:
    control = Control(account, api, sender)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/health", control.health),
        ("POST", "/reset", control.reset),
        ("POST", "/faults", control.add_fault),
        ("GET", "/faults", control.list_faults),
        ("DELETE", "/faults", control.clear_faults),
        ("POST", "/latency", control.set_latency),
        ("POST", "/holds", control.hold),
        ("GET", "/holds", control.held),
        ("DELETE", "/holds", control.release),
        ("GET", "/objects/{kind}", control.objects),
        ("GET", "/objects/{kind}/count", control.count),
        ("GET", "/requests", control.requests),
        ("DELETE", "/requests", control.clear_requests),
        ("GET", "/publishable_key", control.publishable_key),
        ("POST", "/payment_intents/{id}/authenticate", control.authenticate),
        ("POST", "/checkout/sessions/{id}/pay", control.pay_session),
        ("POST", "/payment_intents/{id}/cancel", control.cancel),
        ("POST", "/payment_intents/{id}/refund", control.refund),
        ("POST", "/webhooks", control.webhooks),
        ("DELETE", "/webhooks", control.normal_webhooks),
        ("GET", "/webhooks/deliveries", control.deliveries),
        ("POST", "/webhooks/deliver_pending", control.deliver_pending),
        ("POST", "/webhooks/wait_idle", control.wait_idle),
        ("POST", "/webhooks/roll_secret", control.roll_secret),
        ("POST", "/events/{id}/redeliver", control.redeliver),
        ("GET", "/clock", control.clock),
        ("POST", "/clock/advance", control.advance),
    ]
    return [Route(f"/_sandbox{path}", _guarded(handler), methods=[method]) for method, path, handler in table]
