"""The system that is measured: a fresh one from `bin/run`, or one that runs already."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from bench.processor import used_by
from chassis.addresses import ServerUrl
from local_runner.errors import CannotStart
from local_runner.places import ROOT, RunDir
from local_runner.run import forget

START_SECONDS = 120.0


@dataclass(frozen=True)
class Measured:
    """Addresses of a running system; `database_prefix` is part of its databases' names."""

    url: str
    amqp_url: str
    database_url: str
    database_prefix: str = ""
    run_dir: Path | None = None

    def processor_seconds(self) -> dict[str, float] | None:
        """Of each of its processes so far; None for a system that somebody else runs."""
        return None if self.run_dir is None else used_by(self.run_dir)

    def database(self, service: str) -> str:
        """A service's database, as the superuser."""
        url = ServerUrl.read(self.database_url)
        return str(url.with_path(f"/{self.database_prefix}{service}"))

    def execute(self, service: str, *statements: str) -> None:
        """Runs statements in a service's database, each for itself."""
        connection = psycopg2.connect(self.database(service))
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def rows(self, service: str, query: str) -> list[tuple[str, ...]]:
        """What a query of a service's database finds."""
        connection = psycopg2.connect(self.database(service))
        with connection.cursor() as cursor:
            cursor.execute(query)
            found = cursor.fetchall()
        connection.close()
        return found


def already_running(url: str) -> Measured:
    """`AMQP_URL`, `DATABASE_URL` and `ACTOR_SIGNING_KEY` must be set: the run folder's `env` has them."""
    return Measured(
        url.rstrip("/"),
        os.environ["AMQP_URL"],
        os.environ["DATABASE_URL"],
        os.environ.get("DATABASE_PREFIX", ""),
    )


@contextmanager
def fresh(**settings: str) -> Iterator[Measured]:
    """A system of its own on servers of its own, forgotten afterwards. Without limits, unless `settings` have them."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    folder.chmod(0o755)  # the database's own account must get through
    foreign = {"AMQP_URL", "DATABASE_URL", "DATABASE_PREFIX", "GATEWAY_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment |= {"RUN_DIR": str(folder), "LOG_LEVEL": "WARNING", "RATE_LIMIT_SCALE": "1000"}
    environment |= settings
    command = [str(ROOT / "bin/run"), "--port", "0", "--no-demo"]
    with (folder / "runner.log").open("wb") as log:
        runner = subprocess.Popen(  # nosec B603 # our own words, without a shell
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield started(runner, folder)
    finally:
        runner.send_signal(signal.SIGINT)
        runner.wait(60)
        forget(RunDir(folder))
        shutil.rmtree(folder, ignore_errors=True)


def started(runner: subprocess.Popen[bytes], folder: Path) -> Measured:
    """Waits until `bin/run` says that all is ready."""
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "env").exists():
        if runner.poll() is not None or time.monotonic() > deadline:
            said = (folder / "runner.log").read_text(errors="replace")[-4000:]
            raise CannotStart(f"The system to be measured did not start:\n{said}")
        time.sleep(0.1)
    words = shlex.split((folder / "env").read_text())
    values = {name: value for name, _, value in (word.partition("=") for word in words)}
    # Clients on the bus, processes of their own some of them, vouch for those they call for.
    os.environ["ACTOR_SIGNING_KEY"] = values["ACTOR_SIGNING_KEY"]
    return Measured(
        values["GATEWAY_URL"], values["AMQP_URL"], values["DATABASE_URL"], run_dir=folder
    )
