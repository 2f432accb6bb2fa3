"""Confirm a PaymentIntent from here, at the price that the shopper saw: no other request can change it on the way."""

from app.auth.access import Credential
from app.payment_intents import service
from app.payment_intents.convergence import converge
from app.payment_intents.errors import NotConfirmable, PaymentDeclined
from app.payment_intents.protocol.commands import Confirm
from app.payment_intents.protocol.steps import Confirmation
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import ConfirmRequest
from app.payment_intents.service import PaymentIntentView, actor_of
from app.resources import Resources
from app.stripe_gateway.errors import Declined


async def confirm(
    resources: Resources, reference: Reference, params: ConfirmRequest, caller: Credential
) -> PaymentIntentView:
    """Attempt to pay, under the lease, once Stripe holds what is owed.

    Sent again, the same request is the same attempt. Raises PriceChanged (nothing was attempted), PaymentDeclined,
    NotConfirmable, PaymentIntentNotFound, Moved, TooManyFailedAttempts, StripeRefused (the token is used or wrong), or
    Unavailable (send it again).
    """
    confirmation = Confirmation(params.amount, params.cart_version, params.confirmation_token, params.return_url)
    try:
        row, _ = await converge(resources, reference, Confirm(confirmation), actor_of(caller), wants_secret=True)
    except Declined:
        raise PaymentDeclined from None
    is_of_this = row.amount == params.amount and row.stripe_id is not None and not row.is_checkout
    if row.closed_at is not None or not is_of_this:
        raise NotConfirmable
    secret = resources.stripe.client_secret(row.stripe_id) if row.stripe_id and row.is_payable else None
    return await service.view(resources, row, client_secret=secret)
