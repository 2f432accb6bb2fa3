"""`python -m sandbox`: start the sandbox; keys and secrets come from the environment, never from the command line."""

import argparse
from pathlib import Path

from sandbox.config import from_environment
from sandbox.server import make_server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stateful stand-in for Stripe.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--state", type=Path, help="keep everything in this file, over restarts too")
    given = parser.parse_args()
    try:
        config = from_environment(state=given.state)
    except ValueError as error:
        parser.error(str(error))
    print(f"The Stripe sandbox listens on http://{given.host}:{given.port}", flush=True)  # noqa: T201  for a person
    make_server(config, given.host, given.port).run()


if __name__ == "__main__":
    main()
