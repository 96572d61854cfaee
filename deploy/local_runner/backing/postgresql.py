"""A private PostgreSQL of one run folder, from the programs installed on this machine."""

from __future__ import annotations

import shutil
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from local_runner import apt
from local_runner.account_folders import own_folder, remove_within, write_file
from local_runner.accounts import Account, stepping_down, unprivileged
from local_runner.backing.server import database_answers
from local_runner.errors import CannotStart
from local_runner.places import RunDir
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path is limited to 107 bytes, a run folder's is not
    "max_connections": "300",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",  # short queries by the thousand: compiling them costs more than it saves
    "log_checkpoints": "off",
}
# For data that is thrown away after the tests. Never for bin/run: what was answered 2xx must survive.
THROWAWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class LocalPostgres:
    """`durable=False` gives speed for tests at the price of the data when the machine fails.

    Several in one folder have a `name` each; `more` settings come before all others.
    """

    def __init__(
        self,
        run_dir: RunDir,
        secrets: SecretStore,
        *,
        durable: bool = True,
        name: str = "postgres",
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.programs = programs()
        self.account = unprivileged("postgres")
        self._link = run_dir.path / name
        self._password = secrets.get("postgres_password")
        self.port = free_port()
        self._settings = {**SETTINGS, **({} if durable else THROWAWAY_SETTINGS), **more}

    @property
    def url(self) -> str:
        """As the superuser, whose password is random."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self._link.resolve() / "data"

    def prepare(self) -> None:
        """Makes the cluster at the first start. One that was left half-made is made anew."""
        folder = own_folder(self._link, self.account)
        if (folder / "complete").exists():
            return
        remove_within(self.data, self.account)
        initdb(self.programs / "initdb", folder, self.account, self._password)
        write_file(folder / "complete", "", self.account)

    def specs(self) -> Sequence[Spec]:
        """The server itself; a SIGINT is its fast shutdown, a SIGQUIT its immediate one."""
        options = {**self._settings, "port": str(self.port)}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = (str(self.programs / "postgres"), "-D", str(self.data), *words)
        spec = Spec(
            self.name,
            command,
            ENVIRONMENT,
            account=self.account,
            death_signal="QUIT",
            stop_signal=signal.SIGINT,
        )
        return (spec,)

    def is_ready(self) -> bool:
        """Whether it lets the superuser in."""
        return database_answers(self.url)


def programs() -> Path:
    """The folder with initdb and postgres: Debian's newest, else the one on the PATH; installed if it can be."""
    if (found := find_programs()) is None:
        apt.install([apt.PACKAGES["initdb"]], "PostgreSQL")
        found = find_programs()
    if found is None:
        raise CannotStart(
            "PostgreSQL is installed, but its programs initdb and postgres were not found"
        )
    return found


def find_programs() -> Path | None:
    """None where PostgreSQL is not installed: a client alone does not count."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version_of, reverse=True)
    on_path = [Path(place).resolve().parent for place in [shutil.which("initdb")] if place]
    complete = (
        folder
        for folder in (*versions, *on_path)
        if (folder / "initdb").exists() and (folder / "postgres").exists()
    )
    return next(complete, None)


def version_of(folder: Path) -> float:
    """15 for /usr/lib/postgresql/15/bin."""
    return float(folder.parent.name) if folder.parent.name.replace(".", "", 1).isdigit() else 0.0


def initdb(program: Path, folder: Path, account: Account | None, password: str) -> None:
    """A cluster that asks everybody for a password."""
    password_file = folder / "password"
    write_file(password_file, f"{password}\n", account)
    options = ["--username=postgres", f"--pwfile={password_file}", "--auth=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"]
    command = [*stepping_down(account), str(program), "-D", str(folder / "data"), *options]
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
    )
    remove_within(password_file, account)
    if done.returncode:
        raise CannotStart(f"initdb failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
