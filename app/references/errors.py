"""What is wrong with a reference itself."""

from app.errors import NotFound


class ReferenceNotFound(NotFound):
    """There is no such cart or session: PUT its PaymentIntent first."""

    code, title = "reference_not_found", "Reference not found"
