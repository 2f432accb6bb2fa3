"""The server under the sandbox: uvicorn, without a log of addresses (they can hold secrets) or a date of its own."""

import uvicorn

from sandbox.app import create_app
from sandbox.config import SandboxConfig


def make_server(config: SandboxConfig, host: str = "127.0.0.1", port: int = 12111) -> uvicorn.Server:
    """Make a server that ends within two seconds of SIGTERM, whatever hangs on it."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            host=host,
            port=port,
            access_log=False,
            date_header=False,
            server_header=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,  # longer than clients keep a connection, so that none is cut under their hands
            ws="none",
        )
    )
