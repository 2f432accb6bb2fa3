"""The service as processes of its own, to be killed in the middle."""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any

import httpx

from app.dev.ports import free_port
from app.settings import Settings
from tests.waiting import until


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a process with these settings."""
    values = settings.model_dump(mode="json", include=settings.model_fields_set)
    return {"PATH": os.environ["PATH"], "METRICS_PORT": "0"} | {
        name.upper(): _text(settings, name, value) for name, value in values.items()
    }


def _text(settings: Settings, name: str, value: Any) -> str:
    match getattr(settings, name):
        case (*several,):
            return ",".join(
                each.get_secret_value() if hasattr(each, "get_secret_value") else str(each) for each in several
            )
        case secret if hasattr(secret, "get_secret_value"):
            return str(secret.get_secret_value())
        case _:
            return str(value)


@asynccontextmanager
async def api_process(
    settings: Settings, log: int | IO[bytes] = asyncio.subprocess.DEVNULL, *, files: int | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run the API as a process; give it and its address. It is killed at the end if it still runs.

    It may open so many files, if a number is given.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with service_process(settings, log, "serve", "--port", str(port)) as process:
        if files is not None:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
        await _until_ready(url, process)
        yield process, url


@asynccontextmanager
async def worker_process(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the worker as a process. It is killed at the end if it still runs."""
    async with service_process(settings, asyncio.subprocess.DEVNULL, "worker") as process:
        yield process


@asynccontextmanager
async def service_process(
    settings: Settings, log: int | IO[bytes], *command: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *command), env=environment(settings), stderr=log
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def is_ready() -> bool:
            assert process.returncode is None, "the API did not start"
            try:
                return (await client.get("/readyz")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        await until(is_ready, "the API is ready", seconds=60)
