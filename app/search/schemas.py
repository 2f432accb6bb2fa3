"""What a search answers."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from app.payment_intents.schemas import PaymentIntentPage
from app.search.query import Meaning, Search, Understood


class UnderstoodRead(BaseModel):
    """What a part of the query was taken for."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    meaning: Meaning
    explanation: str = Field(examples=["a card that ends in 4242"])

    @classmethod
    def of(cls, understood: Understood) -> Self:
        return cls.model_validate(understood)


class SearchRead(PaymentIntentPage):
    """The payments that were found, newest first, and how the query was understood."""

    understood: list[UnderstoodRead]
    ignored: list[str] = Field(description="The words that made no difference.")

    @classmethod
    def of(cls, search: Search, page: PaymentIntentPage) -> Self:
        return cls(
            data=page.data,
            next_cursor=page.next_cursor,
            understood=[UnderstoodRead.of(each) for each in search.understood],
            ignored=list(search.ignored),
        )
