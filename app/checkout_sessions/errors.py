"""Why a request about a Checkout Session is not done."""

from app.errors import NotFound


class CheckoutSessionNotFound(NotFound):
    """What this reference has to pay now is no Checkout Session; create one with PUT."""

    code, title = "checkout_session_not_found", "Checkout Session not found"
