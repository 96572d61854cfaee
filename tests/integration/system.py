"""A whole Tandem, started the way a person starts it: `bin/run` in a folder of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg2

from chassis.addresses import ServerUrl
from chassis.testing import wait_until
from local_runner.broker_accounts import BrokerAccounts
from local_runner.places import RunDir
from local_runner.ports import free_port
from local_runner.secret_store import SecretStore
from local_runner.system import Databases, System

ROOT = Path(__file__).resolve().parents[2]
GIVEN_SERVERS = ("AMQP_URL", "DATABASE_URL")
START_SECONDS = 120.0
SERVICES = ("identity", "assignment", "booking", "messaging", "import")


class RunningSystem:
    """One `bin/run`, with more `variables` in its environment.

    `own_servers` leaves the choice of broker and database to it, whatever the environment names.
    """

    def __init__(
        self,
        run_dir: Path,
        *options: str,
        own_servers: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.run_dir = run_dir
        self.settings: dict[str, str] = {}
        self._options = options
        self._prefix = "" if own_servers else f"t{os.urandom(3).hex()}_"
        self._environment = self._make_environment(own_servers=own_servers) | dict(variables or {})
        self._runner: subprocess.Popen[bytes] | None = None

    def _make_environment(self, *, own_servers: bool) -> dict[str, str]:
        dropped = {"GATEWAY_URL", *(GIVEN_SERVERS if own_servers else ())}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        # One address asks as many people do.
        own = {
            "DATABASE_PREFIX": self._prefix,
            "RATE_LIMIT_SCALE": "100",
            "PRINT_MAILS": "no",
        }
        return {**kept, **own, "RUN_DIR": str(self.run_dir)}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run_with(self, *options: str) -> None:
        """Starts, or stops and starts again on the same data, unless it runs with these options already."""
        if self._runner is None or self._options != options:
            self.stop()
            self._options = options
            self.start()

    def start(self) -> None:
        """Returns when all is ready."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        command = [str(ROOT / "bin/run"), "--port", "0", "--no-demo", *self._options]
        with (self.run_dir / "runner.log").open("ab") as log:
            self._runner = subprocess.Popen(  # nosec B603 # our own words, without a shell
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._is_ready, START_SECONDS, every=0.1)
        self.settings = read_assignments(self.run_dir / "env")

    def _is_ready(self) -> bool:
        if self._runner is None or self._runner.poll() is not None:
            raise AssertionError(f"bin/run ended:\n{self.words('runner')}")
        return (self.run_dir / "env").exists()

    def stop(self) -> None:
        """What Ctrl-C does; the data stays."""
        if self._runner is None:
            return
        self._runner.send_signal(signal.SIGINT)
        try:
            self._runner.wait(60)
        except subprocess.TimeoutExpired:
            self._runner.kill()
            self._runner.wait()
        self._runner = None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.settings["GATEWAY_URL"]

    @property
    def amqp_url(self) -> str:
        """The broker's address."""
        return self.settings["AMQP_URL"]

    def processes(self, *names: str) -> list[str]:
        """Names of Tandem's own running processes, such as `booking.1`; `names` narrow them to services."""
        found = sorted(path.stem for path in self.run_dir.glob("*.pid"))
        own = [name for name in found if name.partition(".")[0] in {*SERVICES, "gateway"}]
        return [name for name in own if not names or name.partition(".")[0] in names]

    def pid(self, process: str) -> int:
        """The process id that the supervisor noted."""
        return int((self.run_dir / f"{process}.pid").read_text())

    def words(self, process: str) -> str:
        """The end of what a process wrote."""
        path = self.run_dir / f"{process}.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def health_url(self, process: str) -> str:
        """Where a service process serves its health and metrics."""
        pairs = self.settings["HEALTH_URLS"].split()
        return dict(pair.split("=", 1) for pair in pairs)[process]

    def gateway_environment(self) -> dict[str, str]:
        """What another process of the gateway is started with, beside the one that runs.

        Made as bin/run makes it: in a container root may not read the environment of another account's process.
        """
        secrets = SecretStore(self.run_dir / "secrets.json")
        control = shlex.split(self.settings["RABBITMQCTL"])
        broker = BrokerAccounts(self.amqp_url, control, secrets, self._prefix)
        databases = Databases(self.settings["DATABASE_URL"], secrets, self._prefix)
        gateway = System(RunDir(self.run_dir), databases, broker).gateway(free_port())
        return {**self._environment, **gateway.environment}

    def kill(self, process: str) -> None:
        """kill -9; returns when the supervisor has started another in its place."""
        old = self.pid(process)
        if container := self._container(process):
            docker("kill", container)
        else:
            os.kill(old, signal.SIGKILL)
        wait_until(lambda: self.pid(process) != old, 15)

    @contextmanager
    def frozen(self, process: str) -> Iterator[None]:
        """Stops a process and its children in the middle of whatever they do; no connection is closed."""
        if container := self._container(process):
            docker("pause", container)
            try:
                yield
            finally:
                docker("unpause", container)
            return
        pid = self.pid(process)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        family = [pid, *map(int, children)]
        try:
            send(signal.SIGSTOP, family)
            yield
        finally:
            send(signal.SIGCONT, family)

    def _container(self, process: str) -> str | None:
        """The name of the container that the process is the client of; None for a process of this machine."""
        pid = self.pid(process)
        if Path(f"/proc/{pid}/comm").read_text().strip() != "docker":
            return None
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        return words[words.index("--name") + 1]

    def database_url(self, service: str) -> str:
        """A service's database, for the superuser."""
        url = ServerUrl.read(self.settings["DATABASE_URL"])
        return str(url.with_path(f"/{self._prefix}{service}"))

    def role(self, service: str, kind: str) -> str:
        """The name of a service's database role: `owner` or `app`."""
        return f"{self._prefix}{service}_{kind}"

    def sql(self, service: str, statement: str, parameters: Any = None) -> list[Any]:
        """Rows of a service's database as the superuser sees them; commits."""
        connection = psycopg2.connect(self.database_url(service))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def drop_databases(self) -> None:
        """Ends Tandem's part of servers that outlive it; servers of its own end with it."""
        self.stop()
        if not set(GIVEN_SERVERS) <= self._environment.keys():
            return
        for service in SERVICES:
            name = f"{self._prefix}{service}"
            connection = psycopg2.connect(self.settings["DATABASE_URL"])
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
                for role in ("owner", "app"):
                    cursor.execute(f'DROP ROLE IF EXISTS "{name}_{role}"')
            connection.close()


def docker(*words: str) -> None:
    """Runs a command of Docker's."""
    subprocess.run(["docker", *words], check=True, capture_output=True)  # nosec B603, B607 # our own words, found on the PATH


def send(number: signal.Signals, pids: Sequence[int]) -> None:
    """Sends a signal to those that still run."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def read_assignments(path: Path) -> dict[str, str]:
    """NAME=value lines as a shell reads them."""
    words = shlex.split(path.read_text())
    return {name: value for name, _, value in (word.partition("=") for word in words)}
