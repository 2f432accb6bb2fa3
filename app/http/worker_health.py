"""The worker's own address for health and counts: it serves nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import generate_latest

from app.db import migrations
from app.db.engine import Database
from app.db.errors import DatabaseUnavailable

log = structlog.get_logger()


@asynccontextmanager
async def serve_health(database: Database, port: int | None) -> AsyncIterator[None]:
    """Answer `/livez`, `/readyz` and `/metrics` on a port, if there is one, from the loop that does the jobs."""
    if port is None:
        yield
        return
    runner = web.AppRunner(_application(database), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port, shutdown_timeout=1).start()
        log.info("worker.health_served", port=port)
        yield
    finally:
        await runner.cleanup()


def _application(database: Database) -> web.Application:
    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        code = await why_not_ready(database)
        if code is not None:
            return web.json_response({"status": "unavailable", "code": code}, status=503)
        return web.json_response({"status": "ok"})

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), content_type="text/plain", charset="utf-8")

    application = web.Application()
    application.add_routes([web.get("/livez", live), web.get("/readyz", ready), web.get("/metrics", metrics)])
    return application


async def why_not_ready(database: Database) -> str | None:
    """Return the code of what is missing: None when jobs can be done."""
    try:
        is_current = await migrations.is_current(database)
    except DatabaseUnavailable as error:
        return error.code
    return None if is_current else "not_migrated"
