"""The JSON bodies that `/_sandbox/…` takes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api.faults import FaultKind
from sandbox.methods.finish import Outcome
from sandbox.webhooks.endpoints import CONFIGURED


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MatchBody(Body):
    method: str | None = None
    path: str | None = None


class FaultBody(MatchBody):
    kind: FaultKind
    count: int = 1
    status: int = 500
    code: str | None = None
    is_stored: bool = False
    is_done: bool = False
    is_shown: bool = False
    reason: str | None = None
    headers: dict[str, str] = {}


class LatencyBody(MatchBody):
    seconds: float


class HoldBody(MatchBody):
    is_after: bool = False


class AuthenticateBody(Body):
    outcome: str
    leaves_charge: bool | None = None


class FinishBody(Body):
    outcome: Outcome = "succeed"


class WalletBody(Body):
    payment_method: str = "pm_card_visa"
    wallet: Literal["apple_pay", "google_pay", "link"]


class PayBody(Body):
    payment_method: str = "pm_card_visa"
    challenge: Literal["succeed", "fail"] | None = None


class CancelBody(Body):
    reason: str | None = None


class RefundBody(Body):
    amount: int | None = None
    reason: str | None = None


class DisputeBody(Body):
    amount: int | None = None
    reason: str = "fraudulent"
    is_inquiry: bool = False


class EvidenceBody(Body):
    text: str


class WebhooksBody(Body):
    is_paused: bool | None = None
    is_shuffled: bool | None = None
    copies: int | None = None
    twins: int | None = None
    lose: int | None = None
    delay: float | None = None


class WaitBody(Body):
    timeout: float = 10.0


class RollBody(Body):
    endpoint: str = CONFIGURED
    overlap: float = 86_400


class AdvanceBody(Body):
    seconds: float


class RestrictedKeyBody(Body):
    key: str = Field(pattern="^rk_test_[A-Za-z0-9_]+$")
    permissions: frozenset[str]
