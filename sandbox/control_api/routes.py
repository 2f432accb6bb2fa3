"""The controls of a test or a person, and the table of all their paths."""

import asyncio
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.account import Account
from sandbox.ageing import age
from sandbox.api.endpoint import Endpoint
from sandbox.api.faults import Fault, Hold, Latency
from sandbox.api.permissions import PERMISSIONS
from sandbox.checkout.payment import pay_session
from sandbox.checkout.shape import return_url
from sandbox.control_api.bodies import (
    AdvanceBody,
    AuthenticateBody,
    CancelBody,
    DisputeBody,
    EvidenceBody,
    FaultBody,
    FinishBody,
    HoldBody,
    LatencyBody,
    PayBody,
    RefundBody,
    RestrictedKeyBody,
    RollBody,
    WaitBody,
    WalletBody,
    WebhooksBody,
)
from sandbox.control_api.dashboard import cancel_payment_intent, refund_payment_intent, submit_evidence
from sandbox.control_api.guard import Handler, guarded, read
from sandbox.control_api.look import Look
from sandbox.control_api.methods import mandate, wallet_method
from sandbox.disputes import close_dispute, escalate, open_dispute
from sandbox.errors import ApiError
from sandbox.events import add_delivery
from sandbox.methods.finish import finish
from sandbox.payment_intents.authentication import fail_challenge, pass_challenge
from sandbox.payment_methods import resolve
from sandbox.refunds import refundable_charge
from sandbox.store import JsonObject
from sandbox.timers import run_due
from sandbox.webhooks import endpoints
from sandbox.webhooks.mode import DeliveryMode
from sandbox.webhooks.sender import Sender

NO_CONTENT, NOT_FOUND, TIMED_OUT = 204, 404, 408


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
        body = await read(request, FaultBody)
        self._api.faults.planned.append(Fault(**body.model_dump()))
        return Response(status_code=NO_CONTENT)

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in self._api.faults.planned])

    async def clear_faults(self, _: Request) -> Response:
        self._api.faults.clear()
        return Response(status_code=NO_CONTENT)

    async def set_latency(self, request: Request) -> Response:
        body = await read(request, LatencyBody)
        latencies = self._api.faults.latencies
        latencies[:] = [entry for entry in latencies if (entry.method, entry.path) != (body.method, body.path)]
        if body.seconds > 0:
            latencies.append(Latency(**body.model_dump()))
        return Response(status_code=NO_CONTENT)

    async def hold(self, request: Request) -> Response:
        body = await read(request, HoldBody)
        self._api.faults.holds.append(Hold(**body.model_dump()))
        return Response(status_code=NO_CONTENT)

    async def release(self, request: Request) -> Response:
        return JSONResponse({"released": self._api.faults.release(request.query_params.get("path"))})

    async def clear_requests(self, _: Request) -> Response:
        self._api.log.clear()
        return Response(status_code=NO_CONTENT)

    async def restrict_key(self, request: Request) -> Response:
        body = await read(request, RestrictedKeyBody)
        if unknown := body.permissions - PERMISSIONS:
            raise ApiError(f"There is no such permission: {', '.join(sorted(unknown))}")
        self._account.restricted_keys[body.key] = body.permissions
        return Response(status_code=NO_CONTENT)

    async def authenticate(self, request: Request) -> Response:
        body = await read(request, AuthenticateBody)
        intent = self._named("payment_intent", request)
        return self._committed(self._finish_challenge(intent, body.outcome, body.leaves_charge))

    def _finish_challenge(self, intent: JsonObject, outcome: str, leaves_charge: bool | None = None) -> JsonObject:
        if outcome == "succeed":
            return pass_challenge(self._account, intent)
        return fail_challenge(self._account, intent, leaves_charge)

    async def finish(self, request: Request) -> Response:
        body = await read(request, FinishBody)
        return self._committed(finish(self._account, self._named("payment_intent", request), body.outcome))

    async def wallet(self, request: Request) -> Response:
        body = await read(request, WalletBody)
        return self._committed(wallet_method(self._account, body.payment_method, body.wallet))

    async def pay_session(self, request: Request) -> Response:
        body = await read(request, PayBody)
        session = self._named("checkout.session", request)
        method = resolve(self._account, body.payment_method)
        given = {"return_url": return_url(self._account, session), **mandate(method)}
        try:
            intent = pay_session(self._account, session, method, given)
            if intent["status"] == "requires_action" and body.challenge is not None:
                self._finish_challenge(intent, body.challenge)
        finally:
            self._committed()
        return JSONResponse(self._account.get("checkout.session", session["id"]))

    async def cancel(self, request: Request) -> Response:
        body = await read(request, CancelBody)
        return self._committed(
            cancel_payment_intent(self._account, self._named("payment_intent", request), body.reason)
        )

    async def refund(self, request: Request) -> Response:
        body = await read(request, RefundBody)
        intent = self._named("payment_intent", request)
        return self._committed(refund_payment_intent(self._account, intent, body.amount, body.reason))

    async def webhooks(self, request: Request) -> Response:
        body = await read(request, WebhooksBody)
        for name, value in body.model_dump(exclude_none=True).items():
            setattr(self._account.deliveries, name, value)
        self._sender.look_again()
        return JSONResponse(asdict(self._account.deliveries))

    async def normal_webhooks(self, _: Request) -> Response:
        self._account.deliveries = DeliveryMode()
        self._sender.look_again()
        return Response(status_code=NO_CONTENT)

    async def deliver_pending(self, _: Request) -> Response:
        await self._sender.attempt_all()
        return JSONResponse({"pending": self._sender.pending()})

    async def wait_idle(self, request: Request) -> Response:
        body = await read(request, WaitBody)
        try:
            await asyncio.wait_for(self._sender.wait_idle(), body.timeout)
        except TimeoutError:
            return JSONResponse({"error": "Deliveries are still pending."}, status_code=TIMED_OUT)
        return JSONResponse({"pending": 0})

    async def roll_secret(self, request: Request) -> Response:
        body = await read(request, RollBody)
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
        body = await read(request, AdvanceBody)
        if body.seconds < 0:
            raise ApiError("The clock never goes back.")
        self._account.clock.advance(body.seconds)
        run_due(self._account)
        self._committed()
        self._sender.look_again()
        return await self.clock(request)

    async def age(self, request: Request) -> Response:
        body = await read(request, AdvanceBody)
        if body.seconds < 0:
            raise ApiError("Nothing gets younger.")
        age(self._account, int(body.seconds))
        self._sender.age(int(body.seconds))
        self._committed()
        return await self.clock(request)

    async def open_dispute(self, request: Request) -> Response:
        body = await read(request, DisputeBody)
        charge = refundable_charge(self._account, self._named("payment_intent", request))
        return self._committed(open_dispute(self._account, charge, **body.model_dump()))

    async def escalate(self, request: Request) -> Response:
        return self._committed(escalate(self._account, self._named("dispute", request)))

    async def submit_evidence(self, request: Request) -> Response:
        body = await read(request, EvidenceBody)
        return self._committed(submit_evidence(self._account, self._named("dispute", request), body.text))

    async def close_dispute(self, request: Request) -> Response:
        return self._committed(close_dispute(self._account, self._named("dispute", request)))

    def _named(self, kind: str, request: Request) -> JsonObject:
        """Return the object that the path names; raise ApiError (404) where there is none."""
        found = self._account.get(kind, request.path_params["id"])
        if found is None:
            raise ApiError(f"There is no such {kind}.", status=NOT_FOUND)
        return found

    def _committed(self, result: JsonObject | None = None) -> Response:
        run_due(self._account)
        self._account.commit()
        self._sender.wake()
        return Response(status_code=NO_CONTENT) if result is None else JSONResponse(result)


def control_routes(account: Account, api: Endpoint, sender: Sender) -> list[Route]:
    control, look = Control(account, api, sender), Look(account, api)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/health", control.health),
        ("POST", "/reset", control.reset),
        ("POST", "/faults", control.add_fault),
        ("GET", "/faults", control.list_faults),
        ("DELETE", "/faults", control.clear_faults),
        ("POST", "/latency", control.set_latency),
        ("POST", "/holds", control.hold),
        ("GET", "/holds", look.held),
        ("DELETE", "/holds", control.release),
        ("GET", "/objects/{kind}", look.objects),
        ("GET", "/objects/{kind}/count", look.count),
        ("GET", "/objects/{kind}/{id}", look.object),
        ("GET", "/overview", look.overview),
        ("GET", "/requests", look.requests),
        ("DELETE", "/requests", control.clear_requests),
        ("GET", "/publishable_key", look.publishable_key),
        ("POST", "/restricted_keys", control.restrict_key),
        ("POST", "/payment_intents/{id}/authenticate", control.authenticate),
        ("POST", "/payment_intents/{id}/finish", control.finish),
        ("POST", "/payment_methods/wallet", control.wallet),
        ("POST", "/checkout/sessions/{id}/pay", control.pay_session),
        ("POST", "/payment_intents/{id}/cancel", control.cancel),
        ("POST", "/payment_intents/{id}/refund", control.refund),
        ("POST", "/payment_intents/{id}/dispute", control.open_dispute),
        ("POST", "/disputes/{id}/escalate", control.escalate),
        ("POST", "/disputes/{id}/evidence", control.submit_evidence),
        ("POST", "/disputes/{id}/close", control.close_dispute),
        ("POST", "/webhooks", control.webhooks),
        ("DELETE", "/webhooks", control.normal_webhooks),
        ("GET", "/webhooks/deliveries", look.deliveries),
        ("POST", "/webhooks/deliver_pending", control.deliver_pending),
        ("POST", "/webhooks/wait_idle", control.wait_idle),
        ("POST", "/webhooks/roll_secret", control.roll_secret),
        ("POST", "/events/{id}/redeliver", control.redeliver),
        ("GET", "/clock", control.clock),
        ("POST", "/clock/advance", control.advance),
        ("POST", "/clock/age", control.age),
    ]
    return [Route(f"/_sandbox{path}", guarded(handler), methods=[method]) for method, path, handler in table]
