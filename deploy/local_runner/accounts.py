"""Which account a process runs as that root starts. PostgreSQL refuses root, the others have no need of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from dataclasses import dataclass
from pathlib import Path

from local_runner import apt
from local_runner.errors import CannotStart

# Services and gateway: neither the servers' accounts, whose data they must not read, nor one that other daemons share.
OWN = "tandem"
# Above are people, one of whom may be called so.
LAST_SYSTEM_UID = 999


@dataclass(frozen=True)
class Account:
    """An account that root steps down to."""

    name: str
    uid: int
    gid: int


def unprivileged(*preferred: str) -> Account | None:
    """None for an ordinary user, who stays; for root the first account that exists, `nobody` at last."""
    if os.geteuid() != 0:
        return None
    for name in (*preferred, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart("root needs another account to run processes as: none was found")


def own_account() -> Account | None:
    """The account of services and gateway: None for an ordinary user, who stays; made for root at the first need."""
    if os.geteuid() != 0:
        return None
    if not exists_for_a_system(OWN):
        make_system_account(OWN)
    return unprivileged(OWN) if exists_for_a_system(OWN) else unprivileged()


def exists_for_a_system(name: str) -> bool:
    """Whether there is such an account, and nobody signs in as it."""
    try:
        return 0 < pwd.getpwnam(name).pw_uid <= LAST_SYSTEM_UID
    except KeyError:
        return False


def make_system_account(name: str) -> None:
    """As Debian's packages do. The caller looks whether it is there then: another runner may have been quicker."""
    # Not everybody who becomes root has these on the PATH.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    program = shutil.which("useradd", path=path)
    if program is None:
        return
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [program, *options, "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, capture_output=True, check=False)  # nosec B603 # our own words, without a shell


def stepping_down(account: Account | None, death_signal: str | None = None) -> list[str]:
    """The command words that start what follows as `account`, and that signal it when this process dies.

    setpriv replaces itself by the program, so the process id stays the one we know. It sets the death signal after the
    change of account, which would clear it.
    """
    if shutil.which("setpriv") is None:
        if account is None:
            return []
        apt.provide("setpriv", "for root to step down")
    words = ["setpriv"]
    if account is not None:
        words += [f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups"]
    if death_signal is not None:
        words += ["--pdeathsig", death_signal]
    return [*words, "--"] if len(words) > 1 else []


def can_run(python: Path, account: Account | None) -> bool:
    """Whether the account can start that Python, and read what it needs for that. True without another account."""
    if account is None:
        return True
    # Through env, as setpriv opens its program with rights that the program has not any more.
    command = [*stepping_down(account), "env", str(python), "-I", "-c", ""]
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0  # nosec B603 # our own words, without a shell


def can_read(account: Account | None, *folders: Path) -> bool:
    """Whether the account can read all that is in the folders, but compiled files, which Python does without."""
    others = ["-name", "__pycache__", "-prune", "-o"]
    first_unreadable = ["!", "-type", "l", "!", "-readable", "-print", "-quit"]
    command = [*stepping_down(account), "find", *map(str, folders), *others, *first_unreadable]
    done = subprocess.run(command, cwd="/", capture_output=True, check=False)  # nosec B603 # our own words, without a shell
    return done.returncode == 0 and not done.stdout


def run_as(account: Account | None, words: list[str], given: str = "") -> None:
    """Runs a command to its end as the account."""
    command = [*stepping_down(account), *words]
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        command, input=given, capture_output=True, text=True, cwd="/", check=False
    )
    if done.returncode:
        who = "" if account is None else f" (as {account.name})"
        raise CannotStart(f"{words[-1]} can't be replaced{who}: {done.stderr.strip()[-1000:]}")


def can_use(folder: Path, account: Account | None) -> bool:
    """Whether the account can reach the folder through all its parents, and write in it."""
    command = [*stepping_down(account), "test", "-w", str(folder)]
    return subprocess.run(command, cwd="/", check=False).returncode == 0  # nosec B603 # our own words, without a shell
