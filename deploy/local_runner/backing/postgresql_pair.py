"""A private PostgreSQL with a streaming replica, on one machine.

Nothing here decides that the replica takes over: `promote` is what a person does, once the primary is known to be dead.
"""

from __future__ import annotations

import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from local_runner.accounts import stepping_down
from local_runner.backing.postgresql import ENVIRONMENT, LocalPostgres
from local_runner.errors import CannotStart
from local_runner.places import RunDir
from local_runner.secret_store import SecretStore

REPLICA = "replica"
SECONDS = 60.0

# A commit is answered when the replica has it, too.
SYNCHRONOUS = {"synchronous_commit": "on", "synchronous_standby_names": REPLICA}


class Replica(LocalPostgres):
    """Follows `primary`, which has to run when it is prepared."""

    def __init__(self, run_dir: RunDir, secrets: SecretStore, primary: LocalPostgres) -> None:
        super().__init__(run_dir, secrets, durable=False, name=f"{primary.name}-{REPLICA}")
        self._primary = primary

    def make(self, folder: Path) -> None:
        """Copies the primary as it is now, with a note to follow it from there (-R)."""
        source = f"{self._primary.url}?application_name={REPLICA}"
        words = ("pg_basebackup", "-D", str(folder / "data"), "-d", source, "-R", "-X", "stream")
        self.run(*words, "-c", "fast", "--no-sync")

    def promote(self) -> None:
        """Makes it a primary of its own; returns when it takes writes."""
        self.run("pg_ctl", "promote", "-D", str(self.data), "-w", "-t", f"{SECONDS:.0f}")

    def run(self, program: str, *words: str) -> None:
        """One of PostgreSQL's programs, as its account."""
        command = [*stepping_down(self.account), str(self.programs / program), *words]
        done = subprocess.run(  # nosec B603 # our own words, without a shell
            command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotStart(f"{program} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


def address_of(servers: Sequence[LocalPostgres]) -> str:
    """All of them in one address, as the superuser; what connects takes the one that may be written."""
    first = urlsplit(servers[0].url)
    login = first.netloc.rpartition("@")[0]
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return urlunsplit(
        first._replace(netloc=f"{login}@{hosts}", query="target_session_attrs=read-write")
    )
