"""How deliveries go wrong on purpose."""

from dataclasses import dataclass

ALL = -1


@dataclass
class DeliveryMode:
    is_paused: bool = False
    is_shuffled: bool = False
    copies: int = 1
    """How often each event is sent to an endpoint."""
    twins: int = 0
    """For how many more events Stripe makes two Event objects of one change; -1 for all."""
    lose: int = 0
    """How many more deliveries are lost: never sent, never retried; -1 for all."""
    delay: float = 0.0

    def takes_lost(self) -> bool:
        if self.lose > 0:
            self.lose -= 1
            return True
        return self.lose == ALL

    def takes_twin(self) -> bool:
        if self.twins > 0:
            self.twins -= 1
            return True
        return self.twins == ALL
