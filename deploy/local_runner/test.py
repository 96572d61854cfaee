"""bin/test: every test, on servers and data of its own. Safe beside a running bin/run or another bin/test."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local_runner import apt, lanes, pytest_arguments
from local_runner.account_folders import remove_folder
from local_runner.backing.server import Broker, Server
from local_runner.backing.throwaway import throwaway_servers
from local_runner.errors import CannotStart
from local_runner.lanes import AFTER_STOP_SECONDS, Lane
from local_runner.places import ROOT, RunDir
from local_runner.processes import carrying, end_leftovers
from local_runner.pytest_arguments import Arguments
from local_runner.secret_store import SecretStore
from local_runner.supervisor import Supervisor

START_SECONDS = 90.0
MARK = "TANDEM_TEST_RUN"
# For machines that have cores to spare: two lanes at once, in two thirds of the time.
SIDE_BY_SIDE = "TEST_SIDE_BY_SIDE"

# The parts, then the whole system; what kills and freezes comes last.
LANES = (
    (
        "libs/chassis",
        "services/identity",
        "services/assignment",
        "services/booking",
        "services/messaging",
        "services/import",
        "gateway",
        "deploy/tests",
        "simulation/tests",
    ),
    ("tests/integration", "chaos/tests"),
)
SUITES = tuple(suite for lane in LANES for suite in lane)

# The commands that tests call and a machine may lack: tests, command, what for.
COMMANDS = (("tests/integration/test_readme.py", "curl", "for the README's tour"),)

# Pytest's exit statuses.
PASSED = 0
NOTHING_COLLECTED = 5


def main(arguments: Sequence[str]) -> int:
    """Pytest's own exit status. What pytest refuses, or answers without a test, starts no server."""
    read = pytest_arguments.read(arguments)
    if isinstance(read, int):
        return read
    wanted = by_suite(read)
    provide_commands(read)
    with own_run_dir() as run_dir, servers_for(run_dir) as (supervisor, broker, database):
        environment = {
            **os.environ,
            "AMQP_URL": broker.url,
            "RABBITMQCTL": shlex.join(broker.control),
            "DATABASE_URL": database.url,
            MARK: str(run_dir.path),
        }
        environment.pop("RUN_DIR", None)
        try:
            return run_suites(supervisor, broker, wanted, environment)
        finally:
            end_what_tests_left(f"{MARK}={run_dir.path}")


@contextlib.contextmanager
def own_run_dir() -> Iterator[RunDir]:
    """A folder for this process, removed at the end. Folders of test runs that were killed go as well."""
    parent = Path(os.environ.get("RUN_DIR") or ROOT).absolute()
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(".run-test-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            with contextlib.suppress(OSError, CannotStart):  # another account's may stay
                remove_run_dir(RunDir(left))
    run_dir = RunDir(parent / f".run-test-{os.getpid()}")
    run_dir.make()
    try:
        yield run_dir
    finally:
        remove_run_dir(run_dir)


def remove_run_dir(run_dir: RunDir) -> None:
    """Ends what still runs from the folder, then removes it with its servers' data."""
    end_leftovers(run_dir)
    for name in ("postgres", "rabbitmq"):
        remove_folder(run_dir.path / name)
    shutil.rmtree(run_dir.path, ignore_errors=True)


@contextlib.contextmanager
def servers_for(run_dir: RunDir) -> Iterator[tuple[Supervisor, Broker, Server]]:
    """A broker and a database server that run."""
    secrets = SecretStore(run_dir.path / "secrets.json")
    supervisor = Supervisor(run_dir)
    with (
        throwaway_servers(run_dir, secrets, os.environ) as (broker, database),
        supervisor.running(),
    ):
        start(supervisor, broker, database)
        yield supervisor, broker, database


def start(supervisor: Supervisor, broker: Server, database: Server) -> None:
    """The broker first: it takes longest."""
    print("Starting RabbitMQ and PostgreSQL for this run ...", flush=True)
    for server in (broker, database):
        server.prepare()
        supervisor.start(server.specs())
    supervisor.wait_for(database.is_ready, START_SECONDS, "PostgreSQL")
    supervisor.wait_for(broker.is_ready, START_SECONDS, "RabbitMQ")
    supervisor.started_up()


def run_suites(
    supervisor: Supervisor,
    broker: Broker,
    wanted: Mapping[str, Sequence[str]],
    environment: dict[str, str],
) -> int:
    """Runs pytest once for each suite that is wanted."""
    first = {suite: words for suite, words in wanted.items() if suite not in LANES[1]}
    second = {suite: words for suite, words in wanted.items() if suite in LANES[1]}
    if not (first and second and broker.control and os.environ.get(SIDE_BY_SIDE) == "yes"):
        return overall(lanes.run(supervisor, [Lane(wanted, environment)]))
    output = Path(environment[MARK]) / "second-lane.log"
    with lanes.virtual_host(broker) as amqp_url:
        beside = Lane(second, {**environment, "AMQP_URL": amqp_url}, output)
        return overall(lanes.run(supervisor, [Lane(first, environment), beside]))


def by_suite(arguments: Arguments) -> dict[str, list[str]]:
    """Pytest's words for each project that is wanted: all of them unless paths are named."""
    if not arguments.paths:
        return {suite: [*arguments.options, str(ROOT / suite)] for suite in SUITES}
    wanted: dict[str, list[str]] = {}
    for path in arguments.paths:
        wanted.setdefault(suite_of(path), list(arguments.options)).append(path)
    return wanted


def provide_commands(arguments: Arguments) -> None:
    """Installs what the tests call, so that they don't fail of it."""
    named = [Path(path.partition("::")[0]).resolve() for path in arguments.paths]
    for tests, command, purpose in COMMANDS:
        if not named or any((ROOT / tests).is_relative_to(path) for path in named):
            apt.provide(command, purpose)


def suite_of(word: str) -> str:
    """The project a path belongs to; a path above all projects is a suite of its own."""
    path = Path(word.partition("::")[0]).resolve()
    return next((suite for suite in SUITES if path.is_relative_to(ROOT / suite)), str(path))


def overall(statuses: Mapping[str, int]) -> int:
    """The first failure's status, and which projects failed; a project may have no test that `-k` wants."""
    failed = {suite: s for suite, s in statuses.items() if s not in {PASSED, NOTHING_COLLECTED}}
    if failed:
        print(f"\nFailed: {', '.join(failed)}", flush=True)
        return next(iter(failed.values()))
    return min(statuses.values())


def end_what_tests_left(mark: str) -> None:
    """Ends processes that tests started and that outlived them: first politely, so that they clean up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + AFTER_STOP_SECONDS
        for pid in carrying(mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        while carrying(mark) and time.monotonic() < deadline:
            time.sleep(0.1)
