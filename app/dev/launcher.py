"""Start everything, each part as early as possible; stop everything on a signal, or when one part has ended."""

from __future__ import annotations

import http.client
import json
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.dev import clock, shop_endpoint
from app.dev.children import Children, StopRequested, status
from app.dev.configuration import DEV_ENV, MADE_UP, Configuration, DevOptions, configure
from app.dev.errors import DevError
from app.dev.folder import lock_folder
from app.dev.ports import HOST, listen_error
from app.dev.postgres import EmbeddedPostgres
from app.dev.private_file import write_private
from app.dev.stop_request import StopRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.dev.configuration import Environment

    OnReady = Callable[["DevJson", list[str]], None]  # the second argument is warnings for the reader

SCOPES = ("payments:read", "payments:write", "refunds:write", "events:read", "admin")
DATABASE = "payments"
KEY_CHECK_PATH = "/v1/carts/none/payment-intent"  # needs a key, changes nothing
WATCH_SECONDS = 0.2
SWEEPS = 3  # one asks Stripe about what was silent for long, the next cancels it; the worker may be slow


class Programs(NamedTuple):
    """How the children's command lines begin."""

    app: tuple[str, ...] = (sys.executable, "-m", "app")
    sandbox: tuple[str, ...] = (sys.executable, "-m", "sandbox")
    shop: tuple[str, ...] = (sys.executable, "-m", "examples.shop")


class DevJson(NamedTuple):
    """The content of `dev.json`: addresses and keys, for people and programs that use what runs."""

    api_url: str
    api_key: str
    sandbox_url: str | None
    shop_url: str
    console_link: str
    database_url: str
    webhook_secret: str
    stripe_secret_key: str
    publishable_key: str


def launch(options: DevOptions, on_ready: OnReady, programs: Programs | None = None) -> None:
    """Run until asked to stop. Raises DevError when a part cannot start or has ended."""
    stop_request = StopRequest()
    try:
        with lock_folder(options.data_dir) as lock, ExitStack() as undo:
            configuration = configure(options, Path(".env"))
            _check_ports(configuration)
            logs, secrets = options.data_dir / "logs", configuration.secrets
            children = Children(logs, stop_request, secrets=secrets, keep_open=lock)
            parts = Parts(configuration, programs or Programs(), children, undo)
            on_ready(parts.start(), configuration.warnings)
            while True:
                children.pause(WATCH_SECONDS)
                parts.follow_clock()
    except StopRequested:
        return
    except OSError as error:
        raise DevError(f"cannot work in {error.filename or options.data_dir}: {error.strerror}.") from error


class Parts:
    """The parts of one start. Each starts as soon as the parts that it needs are there."""

    def __init__(self, configuration: Configuration, programs: Programs, children: Children, undo: ExitStack) -> None:
        self._configuration = configuration
        self._options = configuration.options
        self._programs = programs
        self._children = children
        self._follower: clock.Follower | None = None
        self._postgres = EmbeddedPostgres(
            self._options.data_dir / "postgres", log=children.log("postgres"), pause=children.pause
        )
        undo.callback(self._postgres.stop)
        undo.callback(children.stop)  # runs before the line above: the children use the database

    def start(self) -> DevJson:
        """Start every part; return when all are healthy."""
        configuration, options, children = self._configuration, self._options, self._children
        if configuration.sandbox_url:
            self._start_sandbox()
        database_url = configuration.given_database_url or self._start_postgres()
        environment = self._environment = configuration.for_app(database_url)
        children.start("api", [*self._programs.app, "serve", *_listen(options.port)], environment)
        children.run("migrate", [*self._programs.app, "migrate"], environment)  # the API is not ready before
        children.start("worker", [*self._programs.app, "worker"], environment)
        api_key = self._saved_key() or self._create_key(environment)
        shop = [*self._programs.shop, *_listen(options.shop_port)]
        children.wait_until_healthy("api", options.port, "/readyz")
        secret = shop_endpoint.secret_for(options.api_url, api_key, f"{options.shop_url}/hooks/payments")
        children.start("shop", shop, configuration.for_shop(api_key, secret))
        console_link = self._create_console_link(environment)
        self._wait_until_healthy()
        return self._write(api_key, console_link, database_url)

    def _start_sandbox(self) -> None:
        state = ["--state", str(self._options.data_dir / "sandbox.sqlite")]
        command = [*self._programs.sandbox, *_listen(self._options.sandbox_port), *state]
        self._children.start("sandbox", command, self._configuration.for_sandbox())

    def _start_postgres(self) -> str:
        self._postgres.start()
        self._children.require_running("postgres", self._postgres.process)
        self._postgres.create_database(DATABASE)
        clock.set_up(self._postgres, DATABASE)
        if self._configuration.sandbox_url:
            self._follower = clock.Follower(self._postgres, DATABASE, sandbox_port=self._options.sandbox_port)
        return self._postgres.url(DATABASE)

    def follow_clock(self) -> None:
        """Let the service's time go with the sandbox's, and do now what has fallen due.

        A database that somebody else gave keeps its own time.
        """
        if self._follower is not None and self._follower.follow():
            for _ in range(SWEEPS):
                self._children.run("sweep", [*self._programs.app, "sweep"], self._environment)

    def _wait_until_healthy(self) -> None:
        self._children.wait_until_healthy("api", self._options.port, "/readyz")
        if self._configuration.sandbox_url:
            self._children.wait_until_healthy("sandbox", self._options.sandbox_port, "/_sandbox/health")
        self._children.wait_until_healthy("shop", self._options.shop_port, "/healthz")

    def _saved_key(self) -> str | None:
        """Return the API key of the last start if this database still knows it."""
        try:
            key = str(json.loads(self._dev_json.read_text())["api_key"])
        except (FileNotFoundError, ValueError, KeyError):
            return None
        self._children.wait_until_healthy("api", self._options.port, "/readyz")
        answer = status(self._options.port, KEY_CHECK_PATH, {"Authorization": f"Bearer {key}"})
        return None if answer == http.client.UNAUTHORIZED else key

    def _create_key(self, environment: Environment) -> str:
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        command = [*self._programs.app, "keys", "create", "development", *scopes, "--json"]
        return str(json.loads(self._children.run("keys", command, environment))["key"])

    def _create_console_link(self, environment: Environment) -> str:
        """Return a link that signs a person in to the console once."""
        command = [*self._programs.app, "console", "link", "--url", self._options.api_url, "--json"]
        return str(json.loads(self._children.run("console", command, environment))["url"])

    def _write(self, api_key: str, console_link: str, database_url: str) -> DevJson:
        written = DevJson(
            api_url=self._options.api_url,
            api_key=api_key,
            sandbox_url=self._configuration.sandbox_url,
            shop_url=self._options.shop_url,
            console_link=console_link,
            database_url=database_url,
            webhook_secret=self._configuration.webhook_secret,
            stripe_secret_key=self._configuration.secret_key,
            publishable_key=self._configuration.publishable_key,
        )
        self._write_environment(written)
        write_private(self._dev_json, json.dumps(written._asdict(), indent=2) + "\n")
        return written

    def _write_environment(self, written: DevJson) -> None:
        """Write what a shell needs to run the service's commands, and to call the API by hand."""
        values = self._configuration.settings(written.database_url) | {
            "PAYMENTS_API_URL": written.api_url,
            "PAYMENTS_API_KEY": written.api_key,
            "SANDBOX_URL": written.sandbox_url or "",
            "STRIPE_PUBLISHABLE_KEY": written.publishable_key,
            MADE_UP: ",".join(self._configuration.made_up),
        }
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
        write_private(self._options.data_dir / DEV_ENV, "".join(lines))

    @property
    def _dev_json(self) -> Path:
        return self._options.data_dir / "dev.json"


def _listen(port: int) -> list[str]:
    return ["--host", HOST, "--port", str(port)]


def _check_ports(configuration: Configuration) -> None:
    options = configuration.options
    wanted = {"--port": options.port, "--shop-port": options.shop_port}
    if configuration.sandbox_url:
        wanted["--sandbox-port"] = options.sandbox_port
    if len(set(wanted.values())) < len(wanted):
        raise DevError(f"the ports must differ: {', '.join(f'{name} {port}' for name, port in wanted.items())}.")
    for name, port in wanted.items():
        if problem := listen_error(port):
            raise DevError(f"nothing can listen on port {port}: {problem}. Free it, or choose another with {name}.")
