"""What tests of payments share."""

from collections.abc import Awaitable, Callable

import pytest

from app.payment_intents import recovery
from app.resources import Resources
from tests.conftest import Jobs

Sweep = Callable[[], Awaitable[None]]


@pytest.fixture
def sweep(resources: Resources, jobs: Jobs) -> Sweep:
    """Return what looks at what is due now, as the worker does each minute, and does the jobs that this queues."""

    async def once() -> None:
        await recovery.sweep(resources)
        await jobs()

    return once
