"""How a cart or session stands in answers."""

from pydantic import BaseModel

from app.payment_intents.protocol.terms import Kind


class ReferenceRead(BaseModel):
    """What the payment is for."""

    kind: Kind
    id: str
