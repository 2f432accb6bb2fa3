import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app.dev.launcher import DevJson
from app.dev.ports import free_port
from app.dev.stop_request import STOP_SIGNALS, StopRequest
from tests.dev.processes import eventually, is_running

STUB_DEV = Path(__file__).with_name("stub_dev.py")
ROOT = Path(__file__).parents[2]
LASTING = ("api", "sandbox", "shop", "worker")
# The stubs do not connect, so most tests can do without a PostgreSQL.
GIVEN_DATABASE = {"DATABASE_URL": "postgresql://someone:a-password@nowhere/none"}


class Dev:
    """`dev` with stubs for children, a process of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.ports = [free_port() for _ in range(3)]
        self.environment = {"STUB_FOLDER": str(folder), "PYTHONPATH": str(ROOT), **environment}
        self.launchers: list[subprocess.Popen[str]] = []

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(STUB_DEV), *map(str, self.ports), str(self.data)]

    def spawn(self, **environment: str) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
        process = subprocess.Popen(  # noqa: S603 - this Python
            self.command,
            cwd=self.folder,
            env={**inherited, **self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.launchers.append(process)
        return process

    def start(self, **environment: str) -> str:
        """Come back when it says that it is ready; return what it said until then."""
        process = self.spawn(**environment)
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                assert eventually(
                    lambda: (self.folder / "worker.json").exists() and "grandchild" in self.child("worker")
                )
                return said
        raise AssertionError(f"{said}{process.communicate()[1]}")

    def fail(self, **environment: str) -> str:
        """Return what it says on stderr when it does not start."""
        process = self.spawn(**environment)
        error = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert "Traceback" not in error
        return error

    def stop(self, number: int = signal.SIGINT) -> int:
        """Return its exit code; it has 5 seconds."""
        self.launchers[-1].send_signal(number)
        return self.launchers[-1].wait(timeout=5)

    def child(self, name: str) -> dict[str, str]:
        """Return the environment of the child when it started."""
        told: dict[str, str] = json.loads((self.folder / f"{name}.json").read_text())
        return told

    def pids(self) -> list[int]:
        return [int(self.child(name)["pid"]) for name in LASTING] + [int(self.child("worker")["grandchild"])]

    @property
    def json(self) -> dict[str, str | None]:
        written: dict[str, str | None] = json.loads((self.data / "dev.json").read_text())
        return written


MakeDev = Callable[..., Dev]


@pytest.fixture
def make_dev(folder: Path) -> Iterator[MakeDev]:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup we ignore it, and would hand that down
    devs: list[Dev] = []

    def make(**environment: str) -> Dev:
        devs.append(Dev(folder, environment))
        return devs[-1]

    yield make
    for launcher in (launcher for dev in devs for launcher in dev.launchers):
        if launcher.poll() is None:
            launcher.terminate()
        launcher.communicate()


@pytest.fixture
def dev(make_dev: MakeDev) -> Dev:
    return make_dev(**GIVEN_DATABASE)


def test_it_says_where_everything_is_and_writes_it_down_for_its_owner_alone(make_dev: MakeDev) -> None:
    dev = make_dev()
    said = dev.start()
    written = dev.json
    assert list(written) == list(DevJson._fields)
    for place in ("api_url", "shop_url", "sandbox_url", "api_key"):
        assert str(written[place]) in said
    for secret in ("stripe_secret_key", "webhook_secret", "database_url"):
        assert str(written[secret]) not in said
    assert (dev.data / "dev.json").stat().st_mode & 0o077 == 0


def test_a_second_start_has_the_same_keys_and_the_same_database(make_dev: MakeDev) -> None:
    dev = make_dev()
    dev.start()
    first = dev.json
    assert dev.stop() == 0
    dev.start()
    assert dev.json == first


def test_the_next_start_from_a_shell_that_has_read_its_variables_is_the_same(make_dev: MakeDev) -> None:
    """Else the sandbox's key, in that shell's environment, would be taken for a real account's."""
    dev = make_dev()
    dev.start()
    first, variables = dev.json, {name: value for name, value in dotenv_values(dev.data / "dev.env").items() if value}
    assert (dev.data / "dev.env").stat().st_mode & 0o077 == 0
    assert variables["DATABASE_URL"] == first["database_url"]
    assert dev.stop() == 0
    dev.start(**variables)
    assert dev.json == first


def test_a_database_that_does_not_know_the_kept_key_gets_a_new_one(dev: Dev) -> None:
    dev.start()
    first = dev.json
    dev.stop()
    (dev.folder / "key").unlink()
    dev.start()
    assert dev.json["api_key"] != first["api_key"]
    assert dev.child("shop")["PAYMENTS_API_KEY"] == dev.json["api_key"]


def test_each_child_is_told_what_it_needs_and_no_secret_of_another(dev: Dev) -> None:
    dev.start()
    written = dev.json
    sandbox, api, worker, shop = (dev.child(name) for name in ("sandbox", "api", "worker", "shop"))
    assert sandbox["SANDBOX_SECRET_KEY"] == api["STRIPE_SECRET_KEY"] == written["stripe_secret_key"]
    assert sandbox["SANDBOX_WEBHOOK_SECRET"] == api["STRIPE_WEBHOOK_SECRET"] == written["webhook_secret"]
    assert sandbox["SANDBOX_WEBHOOK_URL"] == f"{written['api_url']}/v1/stripe/webhook"
    assert api["STRIPE_API_BASE"] == worker["STRIPE_API_BASE"] == written["sandbox_url"]
    assert api["INSTANCE"] == worker["INSTANCE"]
    assert shop["STRIPE_JS_URL"] == f"{written['sandbox_url']}/v3/"
    assert not {"STRIPE_SECRET_KEY", "DATABASE_URL", "SANDBOX_SECRET_KEY"} & shop.keys()


def test_a_real_stripe_key_takes_the_place_of_the_sandbox(dev: Dev) -> None:
    said = dev.start(STRIPE_SECRET_KEY="sk_test_real", STRIPE_API_BASE="http://elsewhere")
    assert dev.json["sandbox_url"] is None
    assert dev.json["stripe_secret_key"] == "sk_test_real"
    assert not (dev.folder / "sandbox.json").exists()
    assert "STRIPE_API_BASE" not in dev.child("api")
    assert dev.child("shop")["STRIPE_JS_URL"] == "https://js.stripe.com/v3/"
    assert "STRIPE_PUBLISHABLE_KEY is not set" in said


def test_dotenv_is_read_and_the_environment_goes_before_it(dev: Dev) -> None:
    (dev.folder / ".env").write_text("STRIPE_WEBHOOK_SECRET=whsec_dotenv\nSTRIPE_PUBLISHABLE_KEY=pk_test_dotenv\n")
    dev.start(STRIPE_WEBHOOK_SECRET="whsec_environment")
    assert dev.json["webhook_secret"] == dev.child("sandbox")["SANDBOX_WEBHOOK_SECRET"] == "whsec_environment"
    assert dev.json["publishable_key"] == dev.child("shop")["STRIPE_PUBLISHABLE_KEY"] == "pk_test_dotenv"
    assert dev.json["database_url"] == GIVEN_DATABASE["DATABASE_URL"] == dev.child("api")["DATABASE_URL"]


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_a_signal_stops_every_child_within_five_seconds(make_dev: MakeDev, number: signal.Signals) -> None:
    dev = make_dev(STUB_FAULTS="api:deaf,sandbox:deaf" if number == signal.SIGTERM else "")
    dev.start()
    postmaster = int((dev.data / "postgres/cluster/postmaster.pid").read_text().split()[0])
    assert dev.stop(number) == 0
    assert not [pid for pid in (*dev.pids(), postmaster) if is_running(pid)]


def test_a_signal_during_the_start_stops_it(dev: Dev) -> None:
    dev.spawn(STUB_FAULTS="api:sick")
    assert eventually((dev.folder / "worker.json").exists)
    assert dev.stop() == 0
    assert not (dev.data / "dev.json").exists()


def test_a_kill_leaves_nothing_that_blocks_the_next_start(make_dev: MakeDev) -> None:
    dev = make_dev()
    dev.start()
    before, pids = dev.json, dev.pids()
    dev.launchers[-1].kill()
    dev.start()
    assert dev.json == before
    assert not [pid for pid in pids if is_running(pid)]


def test_nohup_is_respected() -> None:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        StopRequest()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_it_ends_with_the_make_that_started_it(dev: Dev) -> None:
    make = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = [sys.executable, "-c", make, *dev.command]
    environment = {**os.environ, **dev.environment, "MAKELEVEL": "1"}
    with subprocess.Popen(command, cwd=dev.folder, env=environment, stdout=subprocess.DEVNULL) as parent:  # noqa: S603 - this Python
        assert eventually((dev.data / "dev.json").exists)
        parent.kill()
    assert eventually(lambda: not [pid for pid in dev.pids() if is_running(pid)])


def test_when_a_child_ends_all_end_and_its_last_words_are_shown_without_secrets(dev: Dev) -> None:
    dev.start()
    os.kill(int(dev.child("worker")["pid"]), signal.SIGKILL)
    launcher = dev.launchers[-1]
    error = launcher.communicate(timeout=30)[1]
    assert launcher.returncode == 1
    assert error.startswith("worker stopped (SIGKILL); the end of ")
    assert not [pid for pid in dev.pids() if is_running(pid)]


@pytest.mark.parametrize("name", ["migrate", "worker", "shop"])
def test_a_child_that_does_not_start_is_named(dev: Dev, name: str) -> None:
    error = dev.fail(STUB_FAULTS=f"{name}:die", STRIPE_WEBHOOK_SECRET="whsec_private")
    assert error.startswith(f"{name} stopped (exit code 1); the end of {dev.data}/logs/{name}.log:\n")
    assert "whsec_private" not in error
    assert "gave up" in error


def test_a_port_that_is_taken_is_named_with_its_option(dev: Dev) -> None:
    with socket.create_server(("127.0.0.1", dev.ports[2])):
        error = dev.fail()
    assert error.startswith(f"nothing can listen on port {dev.ports[2]}: Address already in use. ")
    assert error.endswith("--shop-port.\n")


def test_ports_must_differ(dev: Dev) -> None:
    dev.ports[1] = dev.ports[0]
    assert dev.fail().startswith("the ports must differ: ")


def test_a_second_launcher_on_the_same_folder_is_sent_away(dev: Dev, make_dev: MakeDev) -> None:
    dev.start()
    error = make_dev(**GIVEN_DATABASE).fail()
    assert error == f"another `dev`, process {dev.launchers[-1].pid}, works in {dev.data}: stop it or use --data-dir.\n"
    assert all(is_running(pid) for pid in dev.pids())


def test_a_folder_that_cannot_be_written_is_named(dev: Dev) -> None:
    dev.data.write_text("a file in its place")
    assert dev.fail() == f"cannot work in {dev.data}: File exists.\n"


def test_a_live_key_is_refused_before_anything_starts(dev: Dev) -> None:
    error = dev.fail(STRIPE_SECRET_KEY="sk_live_real_money")
    assert error.startswith("STRIPE_SECRET_KEY is a live key")
    assert "sk_live_real_money" not in error
    assert not list(dev.folder.glob("*.json"))


def test_a_program_that_is_missing_is_named(dev: Dev) -> None:
    error = dev.fail(STUB_PROGRAM="/nowhere/python")
    assert error == "sandbox cannot be started: No such file or directory: /nowhere/python\n"
