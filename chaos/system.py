"""The system that is mistreated: real processes on servers of its own, with a proxy on each way between them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2

from chaos.clock import clocks, remove_leftovers
from chaos.disk import small_disk
from chaos.proxy import Proxies, Proxy
from chassis.addresses import Host, ServerUrl
from chassis.rabbitmqctl import Rabbitmqctl
from local_runner.account_folders import give
from local_runner.accounts import unprivileged
from local_runner.backing.choice import Backing
from local_runner.backing.postgresql import LocalPostgres
from local_runner.backing.rabbitmq import LocalRabbit
from local_runner.bring_up import answers, prepare, start_backing, start_system
from local_runner.broker_accounts import BrokerAccounts
from local_runner.places import SERVICES, RunDir
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore
from local_runner.supervisor import Supervisor
from local_runner.system import Databases, System

COPIES = {**dict.fromkeys(SERVICES, 1), "booking": 2, "assignment": 2}
# The servers, as the supervisor calls their processes.
BROKER, DATABASE = "rabbitmq", "postgres"
VARIABLES = {BROKER: "AMQP_URL", DATABASE: "DATABASE_URL"}

# What limits on requests answer has tests of its own; here one address asks as all do.
ENVIRONMENT = {"RATE_LIMIT_SCALE": "1000", "PRINT_MAILS": "no"}

# The servers' own settings suit real data; here they share 2 cores and a small disk with all the others.
DISK_MEGABYTES = 700
POSTGRES_OPTIONS = {"max_wal_size": "128MB", "min_wal_size": "64MB", "shared_buffers": "64MB"}
BACK_SECONDS = 60.0


class ChaosSystem:
    """Made by `running`. Everything may be called from any thread."""

    def __init__(self, run_dir: RunDir, proxies: Proxies, *, own_mounts: bool) -> None:
        secrets = SecretStore(run_dir.path / "secrets.json")
        self.run_dir = run_dir
        self.disk = small_disk(run_dir.path / "disk", DISK_MEGABYTES) if own_mounts else None
        if self.disk is not None:
            put_on_disk(run_dir.path / DATABASE, self.disk.folder)
        self.backing = Backing(LocalRabbit(run_dir, secrets), LocalPostgres(run_dir, secrets))
        self.databases = Databases(self.backing.database.url, secrets)
        self.broker = BrokerAccounts(
            self.backing.broker.url, list(self.backing.broker.control), secrets
        )
        self.gateway_port = free_port()
        self.tandem = System(run_dir, self.databases, self.broker, self.url)
        self.clocks = clocks(run_dir.path)
        # By process and server: ("booking.1", "rabbitmq").
        self.proxies: dict[tuple[str, str], Proxy] = {}
        self._all_proxies = proxies

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.gateway_port}"

    def start(self, supervisor: Supervisor) -> None:
        """Returns when all is ready. In the main thread, as the supervisor wants it."""
        start_backing(supervisor, self.backing, self._adapted_server)
        prepare(supervisor, self.tandem, self.broker)
        start_system(supervisor, self.tandem, self.gateway_port, COPIES, self._adapted)

    def _adapted_server(self, spec: Spec) -> Spec:
        if spec.name != DATABASE:
            return spec
        words = [
            word for name, value in POSTGRES_OPTIONS.items() for word in ("-c", f"{name}={value}")
        ]
        adapted = replace(spec, command=(*spec.command, *words))
        return self.clocks.given_to(adapted) if self.clocks else adapted

    def _adapted(self, spec: Spec) -> Spec:
        environment = {**spec.environment, **ENVIRONMENT}
        for server, variable in VARIABLES.items():
            if variable in environment:
                environment[variable] = self._proxied(spec.name, server, environment[variable])
        adapted = replace(spec, environment=environment)
        return self.clocks.given_to(adapted) if self.clocks else adapted

    def _proxied(self, process: str, server: str, url: str) -> str:
        direct = ServerUrl.read(url)
        (host,) = direct.hosts
        proxy = self._all_proxies.to(host.name, int(str(host.port)))
        self.proxies[process, server] = proxy
        return str(direct.with_hosts(Host("127.0.0.1", proxy.port)))

    def processes(self) -> list[str]:
        """Tandem's own processes, such as `booking.1` and `gateway`."""
        copies = [f"{name}.{number + 1}" for name in SERVICES for number in range(COPIES[name])]
        return [*copies, "gateway"]

    def copies_of(self, service: str) -> list[str]:
        """A service's processes."""
        return [name for name in self.processes() if name.partition(".")[0] == service]

    def pid(self, process: str) -> int:
        """The process id that the supervisor noted last; 0 while it notes another."""
        try:
            return int(self.run_dir.pid_file(process).read_text())
        except (OSError, ValueError):
            return 0

    def send(self, process: str, number: signal.Signals) -> int:
        """Sends a signal to the process itself; its process id."""
        pid = self.pid(process)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def kill(self, process: str) -> None:
        """Kill -9; returns when another was started in its place."""
        self.end(process, signal.SIGKILL)

    def end(self, process: str, number: signal.Signals) -> None:
        """The same with another signal that ends it."""
        old = self.send(process, number)
        self.wait(lambda: self.pid(process) not in (0, old), f"{process} was not started again")

    def end_server(self, server: str, number: signal.Signals) -> None:
        """Ends RabbitMQ or PostgreSQL; returns when it takes work again."""
        self.end(server, number)
        self.wait_for(server)

    def wait_for(self, server: str) -> None:
        """Returns when RabbitMQ or PostgreSQL takes work."""
        backing = self.backing.broker if server == BROKER else self.backing.database
        self.wait(backing.is_ready, f"{server} did not come back")

    @contextlib.contextmanager
    def frozen(self, *processes: str) -> Iterator[None]:
        """Stops processes with their children in the middle of whatever they do; no connection is closed."""
        groups = [self.pid(process) for process in processes]
        try:
            for group in groups:
                signal_group(group, signal.SIGSTOP)
            yield
        finally:
            for group in groups:
                signal_group(group, signal.SIGCONT)

    def sql(self, service: str, statement: str, parameters: Any = None) -> list[Any]:
        """Rows of a service's database, past the proxies, as the superuser sees them; commits."""
        with self.connection(service) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def connection(self, service: str) -> Iterator[Any]:
        """The superuser's connection to a service's database, as one transaction that is committed in the end."""
        connection = psycopg2.connect(self.database_url(service), connect_timeout=5)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says."""
        return Rabbitmqctl(self.backing.broker.control).run(*words)

    def queues(self, *columns: str) -> list[dict[str, Any]]:
        """The broker's queues, as `rabbitmqctl list_queues` knows them."""
        found: list[dict[str, Any]] = Rabbitmqctl(self.backing.broker.control).json(
            "list_queues", *columns
        )
        return found

    def chassis(self, *words: str, **environment: str) -> str:
        """What an operator's `python -m chassis ...` says, as the broker's administrator."""
        given = {**os.environ, "AMQP_URL": self.backing.broker.url, **environment}
        return said([sys.executable, "-m", "chassis", *words], given)

    def database_url(self, service: str) -> str:
        """A service's database, past the proxies, for the superuser."""
        return str(ServerUrl.read(self.backing.database.url).with_path(f"/{service}"))

    def is_up(self) -> bool:
        """Whether the gateway itself answers."""
        return answers(f"{self.url}/healthz")

    def is_ready(self) -> bool:
        """Whether the gateway says that every service answers."""
        return answers(f"{self.url}/readyz")

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = BACK_SECONDS) -> None:
        """Returns when the condition holds; TimeoutError, saying `what`, if it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} after {seconds:.0f} s")
            time.sleep(0.05)

    def last_words(self, characters: int = 1500) -> str:
        """The end of each process's log."""
        logs = sorted(self.run_dir.path.glob("*.log"))
        return "\n".join(f"--- {path.stem}\n{tail(path, characters)}" for path in logs)


@contextlib.contextmanager
def running(folder: Path, *, own_mounts: bool) -> Iterator[tuple[ChaosSystem, Supervisor]]:
    """A system that is ready; stopped at the end. The caller's main thread must look after the supervisor."""
    run_dir = RunDir(folder)
    supervisor = Supervisor(run_dir)
    try:
        with Proxies() as proxies, supervisor.running():
            system = ChaosSystem(run_dir, proxies, own_mounts=own_mounts)
            system.start(supervisor)
            yield system, supervisor
    finally:
        remove_leftovers()


def said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command prints; RuntimeError, with its complaint, if it fails."""
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BACK_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-1000:]}")
    return done.stdout


def put_on_disk(link: Path, disk: Path) -> None:
    """Has PostgreSQL's folder made on the disk."""
    folder = disk / link.name
    folder.mkdir(mode=0o700)
    give(folder, unprivileged("postgres"))
    link.symlink_to(folder)


def signal_group(group: int, number: signal.Signals) -> None:
    """To a process and those it started, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def tail(path: Path, characters: int) -> str:
    """The end of a file."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - characters))
        return file.read().decode(errors="replace")
