"""The typed client of `/_sandbox/…`, with which the tests of a service control and inspect the sandbox.

async with SandboxClient("http://127.0.0.1:12111") as sandbox:
    await sandbox.lose_next_answer(path="/v1/payment_intents")
"""

from collections.abc import Iterable
from typing import Any

from sandbox.control_connection import JsonObject
from sandbox.shopper import Shopper
from sandbox.webhooks.mode import ALL


class SandboxClient(Shopper):
    async def reset(self) -> None:
        """Forget everything: objects, keys, faults, requests, the clock's offset. The config stays."""
        await self._call("POST", "reset")

    # What goes wrong. `path` is a shell pattern: "/v1/payment_intents/*/confirm".

    async def lose_next_answer(
        self, *, method: str | None = None, path: str | None = None, count: int = 1, part_way: bool = False
    ) -> None:
        """Do the work and cut the connection before the answer, or in the middle of its body."""
        await self._fault("cut_answer" if part_way else "lose_answer", method, path, count)

    async def drop_next(self, *, method: str | None = None, path: str | None = None, count: int = 1) -> None:
        """Cut the connection before any work."""
        await self._fault("drop", method, path, count)

    async def fail_next(
        self,
        status: int = 500,
        *,
        stored: bool = False,
        done: bool = False,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
        path: str | None = None,
        count: int = 1,
    ) -> None:
        """Answer with this status: `stored` under the idempotency key or not, the work `done` all the same or not."""
        details = {"status": status, "is_stored": stored, "is_done": done, "code": code, "headers": headers or {}}
        await self._fault("fail", method, path, count, **details)

    async def refuse_next(
        self, *, code: str | None = None, shown: bool = False, path: str | None = None, count: int = 1
    ) -> None:
        """Answer POST with 400: nothing is done. With `shown`, the error has the PaymentIntent of the path."""
        await self._fault("fail", "POST", path, count, status=400, code=code, is_shown=shown)

    async def rate_limit_next(
        self,
        *,
        reason: str = "global-rate",
        headers: dict[str, str] | None = None,
        method: str | None = None,
        path: str | None = None,
        count: int = 1,
    ) -> None:
        await self._fault("rate_limit", method, path, count, reason=reason, headers=headers or {})

    async def lock_timeout_next(self, *, method: str | None = None, path: str | None = None, count: int = 1) -> None:
        await self._fault("lock_timeout", method, path, count)

    async def malformed_next(self, *, method: str | None = None, path: str | None = None, count: int = 1) -> None:
        """Do the work and answer with HTML, as a broken proxy would."""
        await self._fault("malformed", method, path, count)

    async def conflict_next(self, *, method: str | None = None, path: str | None = None, count: int = 1) -> None:
        """Answer 409, as for a key whose first request still runs."""
        await self._fault("conflict", method, path, count)

    async def clear_faults(self) -> None:
        """Remove all faults and latencies, and release what is held."""
        await self._call("DELETE", "faults")

    async def latency(self, seconds: float, path: str | None = None, method: str | None = None) -> None:
        """Delay matching requests before their work; 0 removes the delay."""
        await self._call("POST", "latency", {"seconds": seconds, "path": path, "method": method})

    async def hold(self, path: str | None = None, *, method: str | None = None, after_work: bool = False) -> None:
        """Make matching requests wait, before or after their work, until `release`."""
        await self._call("POST", "holds", {"path": path, "method": method, "is_after": after_work})

    async def held(self) -> int:
        """Count the requests that wait now."""
        return int((await self._call("GET", "holds"))["waiting"])

    async def release(self, path: str | None = None) -> int:
        """Release a hold, or all; return how many requests waited."""
        query = {} if path is None else {"path": path}
        return int((await self._call("DELETE", "holds", params=query))["released"])

    # What is there.

    async def count(self, kind: str) -> int:
        """Count the objects of a kind: "payment_intents", "charges", "checkout.sessions", …."""
        return int((await self._call("GET", f"objects/{kind}/count"))["count"])

    async def objects(self, kind: str) -> list[JsonObject]:
        """Return the objects of a kind, oldest first."""
        return await self._list(f"objects/{kind}")

    async def object(self, kind: str, identifier: str) -> JsonObject:
        """Return one object; raise httpx.HTTPStatusError (404) where there is none."""
        return await self._call("GET", f"objects/{kind}/{identifier}")

    async def requests(self) -> list[JsonObject]:
        """Return the API requests received, oldest first, without secrets and card data."""
        return await self._list("requests")

    async def clear_requests(self) -> None:
        await self._call("DELETE", "requests")

    async def events(self, type: str | None = None) -> list[JsonObject]:  # noqa: A002  Stripe's name of it
        """Return the events, oldest first."""
        return [event for event in await self.objects("events") if type in {None, event["type"]}]

    # What the shopper's bank does.

    async def open_dispute(
        self,
        payment_intent_id: str,
        amount: int | None = None,
        *,
        reason: str = "fraudulent",
        is_inquiry: bool = False,
    ) -> JsonObject:
        """Dispute a payment, or a part of it; an inquiry only asks and moves no money."""
        body = {"amount": amount, "reason": reason, "is_inquiry": is_inquiry}
        return await self._call("POST", f"payment_intents/{payment_intent_id}/dispute", body)

    async def escalate_inquiry(self, dispute_id: str) -> JsonObject:
        """Turn an inquiry into a chargeback."""
        return await self._call("POST", f"disputes/{dispute_id}/escalate")

    # What a person does in the Dashboard.

    async def dashboard_cancel(self, payment_intent_id: str, reason: str | None = None) -> JsonObject:
        return await self._call("POST", f"payment_intents/{payment_intent_id}/cancel", {"reason": reason})

    async def dashboard_refund(
        self, payment_intent_id: str, amount: int | None = None, reason: str | None = None
    ) -> JsonObject:
        body = {"amount": amount, "reason": reason}
        return await self._call("POST", f"payment_intents/{payment_intent_id}/refund", body)

    async def dashboard_submit_evidence(self, dispute_id: str, text: str) -> JsonObject:
        """Submit evidence; "winning_evidence" wins the dispute, "losing_evidence" loses it."""
        return await self._call("POST", f"disputes/{dispute_id}/evidence", {"text": text})

    async def dashboard_close_dispute(self, dispute_id: str) -> JsonObject:
        """Accept the dispute: it is lost."""
        return await self._call("POST", f"disputes/{dispute_id}/close")

    # Webhooks.

    async def pause_webhooks(self) -> None:
        """Send nothing until `resume_webhooks`; events are still made and wait."""
        await self._change_webhooks(is_paused=True)

    async def resume_webhooks(self) -> None:
        """Send what waited and what comes; every other change stays."""
        await self._change_webhooks(is_paused=False)

    async def shuffle_webhooks(self) -> None:
        """Send what is due in random order."""
        await self._change_webhooks(is_shuffled=True)

    async def duplicate_webhooks(self, copies: int = 2) -> None:
        """Send each event so many times, under one id."""
        await self._change_webhooks(copies=copies)

    async def duplicate_events(self, count: int = ALL) -> None:
        """Make two Event objects, with two ids, of each of the next `count` changes."""
        await self._change_webhooks(twins=count)

    async def lose_webhooks(self, count: int = ALL) -> None:
        """Never deliver the next `count` webhooks, nor retry them."""
        await self._change_webhooks(lose=count)

    async def delay_webhooks(self, seconds: float) -> None:
        """Send each event so many seconds of the sandbox's clock after it was made."""
        await self._change_webhooks(delay=seconds)

    async def restore_webhooks(self) -> None:
        """Undo all the changes above: send at once, in order, each event once."""
        await self._call("DELETE", "webhooks")

    async def _change_webhooks(self, **changes: Any) -> None:
        await self._call("POST", "webhooks", changes)

    async def deliveries(self) -> list[JsonObject]:
        """Return each delivery with its status, attempts and last answer."""
        return await self._list("webhooks/deliveries")

    async def deliver_pending(self) -> int:
        """Attempt all pending deliveries once now, paused or not; return how many are still pending."""
        return int((await self._call("POST", "webhooks/deliver_pending"))["pending"])

    async def wait_idle(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109  the sandbox waits, not we
        """Return when all webhooks are delivered or given up; raise httpx.HTTPStatusError after the timeout."""
        await self._call("POST", "webhooks/wait_idle", {"timeout": timeout})

    async def redeliver(self, event_id: str) -> None:
        """Send an event again to all endpoints, under the same id."""
        await self._call("POST", f"events/{event_id}/redeliver")

    async def roll_secret(self, endpoint: str = "we_configured", overlap: float = 86_400) -> str:
        """Replace the endpoint's secret and return the new one; the old one signs too for `overlap` seconds."""
        body = {"endpoint": endpoint, "overlap": overlap}
        return str((await self._call("POST", "webhooks/roll_secret", body))["secret"])

    # Keys.

    async def restrict_key(self, key: str, permissions: Iterable[str]) -> None:
        """Make or change a restricted key (`rk_test_…`); permissions are as `charge_read`. A reset forgets it."""
        await self._call("POST", "restricted_keys", {"key": key, "permissions": sorted(permissions)})

    # The clock.

    async def advance(self, seconds: float) -> None:
        """Move the sandbox's clock on: things expire, retries come, keys are pruned."""
        await self._call("POST", "clock/advance", {"seconds": seconds})

    async def age(self, seconds: float) -> None:
        """Do what falls due in so long, then move all that happened back by it, and leave the clock as it is.

        For a service whose own clock can't be moved: what it made here is as old as if it had waited.
        """
        await self._call("POST", "clock/age", {"seconds": seconds})

    async def now(self) -> float:
        return float((await self._call("GET", "clock"))["now"])

    async def _fault(self, kind: str, method: str | None, path: str | None, count: int, **details: Any) -> None:
        await self._call("POST", "faults", {"kind": kind, "method": method, "path": path, "count": count, **details})
