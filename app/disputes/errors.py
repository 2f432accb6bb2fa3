"""Why a dispute is not read."""

from app.errors import NotFound


class DisputeNotFound(NotFound):
    """There is no dispute with this id."""

    code, title = "dispute_not_found", "Dispute not found"
