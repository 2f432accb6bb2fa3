"""The model of how one reference's PaymentIntents are written: the code's own transactions, in every order."""

from functools import partial

from model import promises, world
from model.configurations import Configuration
from model.explore import Model
from model.state import State


def model_of(configuration: Configuration) -> Model[State]:
    """Give what is to be explored."""
    return Model(
        configuration.name,
        configuration.begin,
        partial(world.successors, configuration=configuration),
        partial(promises.broken, configuration=configuration),
        configuration.excused,
    )
