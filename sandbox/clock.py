"""The sandbox's time: the wall's, moved by an offset, or one that stands still until it is moved."""

import time
from datetime import UTC, datetime


class Clock:
    def __init__(self, frozen_at: int | None = None) -> None:
        self._frozen_at = frozen_at
        self.offset = 0.0

    def now(self) -> float:
        return (time.time() if self._frozen_at is None else self._frozen_at) + self.offset

    def timestamp(self) -> int:
        return int(self.now())

    def advance(self, seconds: float) -> None:
        self.offset += seconds

    @property
    def is_frozen(self) -> bool:
        return self._frozen_at is not None

    def months(self) -> int:
        """Count months since year 0, as a card's expiry does."""
        today = datetime.fromtimestamp(self.now(), UTC)
        return today.year * 12 + today.month
