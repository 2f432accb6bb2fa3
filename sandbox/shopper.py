"""What the shopper does, and in tests the shopper's bank where a payment waits for it: a part of the client."""

from dataclasses import dataclass
from typing import Any, Literal

from sandbox.control_connection import ControlConnection, JsonObject, flat


@dataclass(frozen=True)
class Confirmation:
    """What `stripe.confirmCardPayment` resolves to: one of the two."""

    payment_intent: JsonObject | None
    error: JsonObject | None

    @property
    def status(self) -> str | None:
        """Return the PaymentIntent's status, after a decline too."""
        intent = self.payment_intent or (self.error or {}).get("payment_intent")
        return None if intent is None else str(intent["status"])


class Shopper(ControlConnection):
    async def confirm(
        self, payment_intent_id: str, payment_method: str | JsonObject = "pm_card_visa", **params: Any
    ) -> Confirmation:
        """Confirm as the shopper's browser would: publishable key and client secret.

        `payment_method` is an id, a test name, or `payment_method_data`; `params` are further ones, as `return_url`.
        """
        method = "payment_method" if isinstance(payment_method, str) else "payment_method_data"
        form = {
            **flat({**params, method: payment_method}),
            "key": (await self._call("GET", "publishable_key"))["publishable_key"],
            "client_secret": await self._client_secret(payment_intent_id),
            "use_stripe_sdk": "true",
            "expected_payment_method_type": "card",
        }
        answer = await self._http.post(f"/v1/payment_intents/{payment_intent_id}/confirm", data=form)
        body = answer.json()
        return Confirmation(None, body["error"]) if "error" in body else Confirmation(body, None)

    async def authenticate(
        self,
        payment_intent_id: str,
        outcome: Literal["succeed", "fail"] = "succeed",
        *,
        leaves_charge: bool | None = None,
    ) -> JsonObject:
        """Pass or fail the 3DS challenge; a failed one leaves a failed Charge or none."""
        body = {"outcome": outcome, "leaves_charge": leaves_charge}
        return await self._call("POST", f"payment_intents/{payment_intent_id}/authenticate", body)

    async def finish(
        self, payment_intent_id: str, outcome: Literal["succeed", "fail", "expire"] = "succeed"
    ) -> JsonObject:
        """Do at once what the payment waits for, and return the PaymentIntent.

        Authorise a redirect, pass 3DS, verify or settle a debit, pay a voucher, transfer what is missing; or fail it.
        A voucher expires. Raise httpx.HTTPStatusError (400) where the payment cannot end so.
        """
        return await self._call("POST", f"payment_intents/{payment_intent_id}/finish", {"outcome": outcome})

    async def wallet_method(
        self, wallet: Literal["apple_pay", "google_pay", "link"], payment_method: str = "pm_card_visa"
    ) -> str:
        """Make a PaymentMethod of a card as a wallet gives it, and return its id."""
        body = {"wallet": wallet, "payment_method": payment_method}
        return str((await self._call("POST", "payment_methods/wallet", body))["id"])

    async def pay_session(
        self,
        session_id: str,
        payment_method: str = "pm_card_visa",
        *,
        challenge: Literal["succeed", "fail"] | None = None,
    ) -> JsonObject:
        """Pay a Checkout Session and return it; raise httpx.HTTPStatusError (402) for a decline.

        A 3DS challenge or a redirect is passed or failed as `challenge` says; None leaves it to `finish`. A debit, a
        voucher and a bank transfer complete the session unpaid, and `advance` or `finish` brings the outcome.
        """
        body = {"payment_method": payment_method, "challenge": challenge}
        return await self._call("POST", f"checkout/sessions/{session_id}/pay", body)

    async def _client_secret(self, payment_intent_id: str) -> str:
        return str((await self._call("GET", f"objects/payment_intents/{payment_intent_id}"))["client_secret"])
