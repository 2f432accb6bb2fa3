"""The model of how one reference's PaymentIntents are written: the protocol's own steps, in every order."""

from functools import partial

from model import promises, steps, world
from model.configuration import Configuration
from model.explore import Model
from model.state import State


def model_of(configuration: Configuration) -> Model[State]:
    """Return what is to be explored."""

    def begin() -> State:
        steps.forget()
        return configuration.begin()

    return Model(
        configuration.name,
        begin,
        partial(world.successors, configuration=configuration),
        partial(promises.broken, configuration=configuration),
        configuration.excused,
    )
