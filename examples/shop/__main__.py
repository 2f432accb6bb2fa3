"""`python -m examples.shop`: serve the shop; addresses and keys come from the environment."""

import argparse

import uvicorn

from examples.shop.app import create_app
from examples.shop.settings import SettingsError, from_environment

# Requests in progress get this long to finish; SIGTERM may take two seconds in all.
GRACE_SECONDS = 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description="An example shop.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    given = parser.parse_args()
    try:
        settings = from_environment()
    except SettingsError as error:
        raise SystemExit(f"The shop cannot start: {error}") from None
    uvicorn.run(
        create_app(settings),
        host=given.host,
        port=given.port,
        log_level="warning",
        access_log=False,  # a cart's address is all that protects it, so it stays out of the logs
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main()
