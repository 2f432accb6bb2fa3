"""The worker's part: make deliveries of new events, and send what is due, until it is told to stop."""

import asyncio
from contextlib import suppress

import structlog

from app.db.errors import DatabaseUnavailable
from app.domain_events.errors import FeedNotMigrated
from app.notifications import delivering
from app.notifications.delivering import Claim
from app.notifications.queueing import fan_out
from app.notifications.sending import Sender, open_sender
from app.resources import Resources

log = structlog.get_logger()

POLL_SECONDS = 0.2
TROUBLE_SECONDS = 2.0


async def run(resources: Resources, stop: asyncio.Event) -> None:
    """Send notifications; end when those under way are answered. Without NOTIFICATION_KEY there are none."""
    if resources.settings.notification_key is None:
        return
    async with open_sender(resources.settings) as sender:
        dispatcher = Dispatcher(resources, sender)
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                if await dispatcher.turn():
                    await dispatcher.wait_for_one()
                    continue  # where something was sent, more may be due
            except (DatabaseUnavailable, FeedNotMigrated) as error:
                log.warning("notifications.wait", code=error.code)
                pause = TROUBLE_SECONDS
            except Exception:
                log.exception("notifications.crashed")
                pause = TROUBLE_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        await dispatcher.finish()


class Dispatcher:
    """Works on many queues at once; `claim_due` bounds them for each endpoint."""

    def __init__(self, resources: Resources, sender: Sender) -> None:
        self._resources = resources
        self._sender = sender
        self._tasks: set[asyncio.Task[None]] = set()

    async def turn(self) -> bool:
        """Make the deliveries of all new events, and begin to send what is due; return whether anything was."""
        while await fan_out(self._resources.database):
            pass
        claims = await delivering.claim_due(self._resources)
        for claim in claims:
            task = asyncio.create_task(self._work(claim))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bool(claims)

    async def wait_for_one(self) -> None:
        """Wait until one of those under way is done, no longer than between two looks."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self, claim: Claim) -> None:
        try:
            await delivering.work(self._resources, self._sender, claim)
        except DatabaseUnavailable:
            pass  # its claim ends by itself, and the delivery is sent again
        except Exception:
            log.exception("notification.crashed", endpoint=str(claim.endpoint_id))
