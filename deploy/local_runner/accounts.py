"""Which account a private server runs as. PostgreSQL refuses root, and RabbitMQ has no need of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local_runner import apt
from local_runner.errors import CannotStart


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
    raise CannotStart(
        "root needs another account to run PostgreSQL and RabbitMQ as: none was found"
    )


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


def own_folder(wanted: Path, account: Account | None) -> Path:
    """A folder that only `account` can enter: `wanted`, or what `wanted` links to.

    Where the account can't reach it (a checkout under /root), the folder is made under /var/tmp and linked.
    """
    if wanted.is_symlink() and not wanted.exists():
        wanted.unlink()
    if not wanted.exists():
        wanted.mkdir(mode=0o700, parents=True)
        give(wanted, account)
        if not can_use(wanted, account):
            wanted.rmdir()
            private = Path(tempfile.mkdtemp(prefix="tandem-", dir="/var/tmp"))  # nosec B108 # mkdtemp makes a new folder for us alone
            give(private, account)
            wanted.symlink_to(private)
    return wanted.resolve()


def can_run(python: Path, account: Account | None) -> bool:
    """Whether the account can start that Python, and read what it needs for that. True without another account."""
    if account is None:
        return True
    # Through env, as setpriv opens its program with rights that the program has not any more.
    command = [*stepping_down(account), "env", str(python), "-I", "-c", ""]
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0  # nosec B603 # our own words, without a shell


def give(path: Path, account: Account | None) -> None:
    """Makes the account the owner."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def can_use(folder: Path, account: Account | None) -> bool:
    """Whether the account can reach the folder through all its parents, and write in it."""
    command = [*stepping_down(account), "test", "-w", str(folder)]
    return subprocess.run(command, cwd="/", check=False).returncode == 0  # nosec B603 # our own words, without a shell


def remove_folder(path: Path) -> None:
    """Removes what `own_folder` made, wherever it lies."""
    if path.is_symlink():
        shutil.rmtree(path.resolve(), ignore_errors=True)
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
