"""How long the command line and the API take to start."""

import asyncio
import sys
import time

import aiohttp

from app.dev.postgres import EmbeddedPostgres
from bench.figures import Figures
from bench.stack import migrated_database, service

NO_STRIPE = "http://127.0.0.1:9"  # nothing listens there: a start calls nobody


async def measure(server: EmbeddedPostgres, rounds: int) -> Figures:
    """Start each so often, from the command to its end, or to `/readyz` with a migrated database."""
    figures = Figures()
    url = await migrated_database(server, "startup")
    for _ in range(rounds):
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "--help"), stdout=asyncio.subprocess.DEVNULL
        )
        await process.wait()
        figures.add("help", "service", seconds=time.perf_counter() - began)
        began = time.perf_counter()
        async with service(url, NO_STRIPE) as running, aiohttp.ClientSession() as http:
            async with http.get(f"{running.url}/readyz") as answer:
                answer.raise_for_status()
            figures.add("ready", "service", seconds=time.perf_counter() - began)
    return figures
