"""Make the protocol's calls to Stripe, and say how each ended."""

import json

from app.errors import PaymentsError, Unavailable
from app.payment_intents.protocol.steps import (
    Answer,
    Answered,
    Call,
    CancelCall,
    CaptureCall,
    ConfirmCall,
    CreateCall,
    FindCall,
    FoundNothing,
    Gone,
    KeyConflict,
    NotSent,
    Refused,
    ReplayedFailure,
    RetrieveCall,
    Unknown,
    UpdateCall,
)
from app.resources import Resources
from app.stripe_account import service as stripe_account
from app.stripe_gateway import CheckoutSessions, CheckoutSessionSnapshot, PaymentIntentSnapshot, StripeGateway
from app.stripe_gateway.errors import (
    IdempotencyKeyConflict,
    ReplayedServerError,
    StripeNotReached,
    StripeRefused,
    UnknownObject,
)


async def answer_of(resources: Resources, call: Call) -> tuple[Answer, PaymentsError | None]:
    """Make a call; return how it ended, with the error to raise if that is the answer to the request."""
    try:
        snapshot = await perform(resources.stripe, call)
    except UnknownObject as missing:
        is_gone = await stripe_account.is_remembered(resources)
        return Gone() if is_gone else Unknown(), missing
    except IdempotencyKeyConflict as conflict:
        return KeyConflict(), conflict
    except ReplayedServerError as failure:
        return ReplayedFailure(), failure
    except StripeRefused as refusal:
        code, param = refusal.extensions.get("stripe_code"), refusal.extensions.get("stripe_param")
        return Refused(code, param, refusal.snapshot), refusal
    except Unavailable as error:
        return NotSent() if isinstance(error, StripeNotReached) else Unknown(), error
    return FoundNothing() if snapshot is None else Answered(snapshot), None


async def perform(stripe: StripeGateway, call: Call) -> PaymentIntentSnapshot | CheckoutSessionSnapshot | None:
    """Make a call; only FindCall may find nothing."""
    if isinstance(call, ConfirmCall):
        return await stripe.confirm_payment_intent(call.stripe_id, call.params, key=call.key)
    if not isinstance(call, CaptureCall) and call.is_checkout:
        return await _perform_on_checkout(stripe.checkout, call)
    match call:
        case CreateCall(params, key):
            return await stripe.create_payment_intent(json.loads(params), key=key)
        case FindCall(metadata, created_after, created_before):
            return await stripe.find_payment_intent(
                metadata=metadata, created_after=created_after, created_before=created_before
            )
        case RetrieveCall(stripe_id):
            return await stripe.retrieve_payment_intent(stripe_id)
        case UpdateCall(stripe_id, params, key):
            return await stripe.update_payment_intent(stripe_id, params, key=key)
        case CancelCall(stripe_id, reason, key):
            return await stripe.cancel_payment_intent(stripe_id, reason=reason, key=key)
        case CaptureCall(stripe_id, amount, key):
            return await stripe.capture_payment_intent(stripe_id, amount=amount, key=key)


async def _perform_on_checkout(
    checkout: CheckoutSessions, call: CreateCall | FindCall | RetrieveCall | UpdateCall | CancelCall
) -> CheckoutSessionSnapshot | None:
    match call:
        case CreateCall(params, key):
            return await checkout.create(json.loads(params), key=key)
        case FindCall(metadata, created_after, created_before):
            return await checkout.find(metadata=metadata, created_after=created_after, created_before=created_before)
        case RetrieveCall(checkout_id):
            return await checkout.retrieve(checkout_id)
        case UpdateCall(checkout_id, params, key):
            return await checkout.update(checkout_id, params, key=key)
        case CancelCall(checkout_id, key=key):
            return await checkout.expire(checkout_id, key=key)
