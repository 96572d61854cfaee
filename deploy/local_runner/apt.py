"""Installs Debian and Ubuntu packages where that is possible, and says what to install where it is not.

Packages that bring a server must not leave it running: Tandem starts private instances of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator
from pathlib import Path

from local_runner.errors import CannotStart

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Written by Tandem's bin/run while it installs packages: start no service.\nexit 101\n"
# Debian's package of every command that is called and that a machine may lack. The shell, its basic commands and Python
# are what bin/ itself runs on. Docker is used where it is.
PACKAGES = {
    "curl": "curl",
    "initdb": "postgresql",  # with postgres, pg_ctl and pg_basebackup
    "mount": "mount",  # with umount
    "rabbitmq-server": "rabbitmq-server",  # with rabbitmqctl and Erlang's epmd
    "setpriv": "util-linux",
}
UNITS = ("rabbitmq-server.service", "postgresql.service", "epmd.socket", "epmd.service")


def provide(command: str, purpose: str) -> None:
    """Installs the command if it is missing, or raises with the words that would."""
    if shutil.which(command) is None:
        install([PACKAGES[command]], f"{command} {purpose}")


def install(packages: list[str], purpose: str) -> None:
    """Installs `packages`, or raises with the command that would."""
    command = f"apt-get install {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotStart(f"{purpose} is missing. Install it first, for example: sudo {command}")
    print(f"Installing {' '.join(packages)} ({purpose}) ...", flush=True)
    with one_at_a_time(), services_left_alone():
        update_lists()
        apt_get("install", "-y", "-qq", "--no-install-recommends", *packages)


@functools.cache
def update_lists() -> None:
    """Once per process: a fresh machine knows no package."""
    apt_get("update", "-qq")


def apt_get(*arguments: str) -> None:
    """Waits for another apt that is at work; shows apt's own words only when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(  # nosec B603, B607 # our own words, without a shell, found on the PATH
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
        raise CannotStart(f"apt-get {' '.join(arguments)} failed with status {done.returncode}")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two set-ups on one machine take turns: they share the policy file."""
    with Path("/var/tmp/tandem-apt.lock").open("w", encoding="utf-8") as lock:  # noqa: S108 - only root writes it, and a lock holds no content # nosec B108
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def services_left_alone() -> Iterator[None]:
    """Keeps a package's server from starting, now and at the next boot, and ends what its set-up left behind."""
    policy_is_ours = not POLICY.exists()
    already_there = {unit for unit in UNITS if unit_exists(unit)}
    had_epmd = epmd_answers()
    if policy_is_ours:
        POLICY.write_text(POLICY_TEXT, encoding="utf-8")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if policy_is_ours:
            POLICY.unlink(missing_ok=True)
        if Path("/run/systemd/system").exists():
            for unit in UNITS:
                if unit not in already_there and unit_exists(unit):
                    quietly("systemctl", "disable", "--now", unit)
        if not had_epmd and epmd_answers():
            quietly("epmd", "-kill")


def unit_exists(unit: str) -> bool:
    """Whether a package that was there before has brought the unit."""
    return any(
        (Path(folder) / unit).exists() for folder in ("/lib/systemd/system", "/etc/systemd/system")
    )


def epmd_answers() -> bool:
    """RabbitMQ's package set-up leaves Erlang's port mapper running."""
    return shutil.which("epmd") is not None and quietly("epmd", "-names") == 0


def quietly(*command: str) -> int:
    """The command's status; its words don't matter."""
    return subprocess.run(  # nosec B603 # our own words, without a shell
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    ).returncode
