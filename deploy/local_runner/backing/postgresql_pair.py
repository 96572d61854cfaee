"""Private PostgreSQL servers on one machine, of which one follows another by streaming replication.

Nothing here decides that a replica takes over: `promote` is what a person does, once the primary is known to be dead.
"""

from __future__ import annotations

import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Sequence

from chassis.addresses import Host, ServerUrl
from local_runner.account_folders import own_folder, remove_within, write_file
from local_runner.accounts import stepping_down
from local_runner.backing.postgresql import ENVIRONMENT, LocalPostgres
from local_runner.errors import CannotStart

REPLICA = "replica"
SECONDS = 60.0

# Given to a primary: a commit is answered when the replica has it on its disk, too.
SYNCHRONOUS = {"synchronous_commit": "on", "synchronous_standby_names": REPLICA}


class Member(LocalPostgres):
    """A server that can be made to follow another, at first or after it was the primary itself."""

    def follow(self, primary: LocalPostgres) -> None:
        """Throws its data away for a copy of the primary's, which has to run, with a note to go on from there (-R)."""
        folder = own_folder(self._link, self.account)
        remove_within(self.data, self.account)
        source = f"{primary.url}?application_name={REPLICA}"
        words = ("-D", str(self.data), "-d", source, "-R", "-X", "stream")
        self._run("pg_basebackup", *words, "-c", "fast", "--no-sync")
        write_file(folder / "complete", "", self.account)

    def promote(self) -> None:
        """Makes it a primary of its own; returns when it takes writes."""
        self._run("pg_ctl", "promote", "-D", str(self.data), "-w", "-t", f"{SECONDS:.0f}")

    def _run(self, program: str, *words: str) -> None:
        command = [*stepping_down(self.account), str(self.programs / program), *words]
        done = subprocess.run(  # nosec B603 # our own words, without a shell
            command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotStart(f"{program} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


def address_of(servers: Sequence[LocalPostgres]) -> str:
    """All of them in one address, as the superuser; what connects takes the one that may be written."""
    hosts = (Host("127.0.0.1", server.port) for server in servers)
    url = ServerUrl.read(servers[0].url).with_hosts(*hosts)
    return str(url.with_query("target_session_attrs=read-write"))
