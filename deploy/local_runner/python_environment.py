"""The virtual environment in `.venv`: every library pinned by hash, every project of the checkout importable.

Standard library only: this runs before the environment is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator
from pathlib import Path

from local_runner import apt
from local_runner.accounts import can_run, unprivileged
from local_runner.errors import CannotStart
from local_runner.places import IMPORT_FOLDERS, ROOT, write_whole

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK_FILE = ROOT / "requirements" / "dev.txt"
STAMP = VENV / "tandem.stamp"
# In the environment's site-packages.
PATH_FILE = "tandem.pth"


def set_up() -> Path:
    """Makes `.venv` what the lock file says and answers its Python. Quick when nothing changed; safe twice at once."""
    with alone_in(ROOT):
        if not is_current():
            create()
            install_libraries()
            write_whole(STAMP, expected_stamp())
        make_projects_importable()
    return PYTHON


@contextlib.contextmanager
def alone_in(folder: Path, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Holds a lock on the folder itself, so that no lock file is left over. With LOCK_SH others may share it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def expected_stamp() -> str:
    """What a finished environment of this lock file and this place is marked with."""
    digest = hashlib.sha256(LOCK_FILE.read_bytes())
    digest.update(str(ROOT).encode())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the environment was completed from this very lock file, on the best Python there is."""
    complete = PYTHON.exists() and STAMP.exists() and STAMP.read_text() == expected_stamp()
    return complete and not has_better_base()


def has_better_base() -> bool:
    """Whether root's environment rests on a Python that only root can run, and this one is for all accounts.

    Never the other way round, and not for any other difference: the Python on the PATH may change from one command to
    the next, and an environment that is replaced may be in use.
    """
    return not is_for_all(PYTHON.resolve()) and is_for_all(Path(sys.executable).resolve())


@functools.cache
def is_for_all(python: Path) -> bool:
    """Whether another account can run it, too; only root cares, whose services run as another account."""
    try:
        return can_run(python, unprivileged())
    except CannotStart:  # there is no other account, or no way to become one
        return True


def create() -> None:
    """Makes the environment unless a working one is there, of which only the libraries are out of date."""
    if works() and not has_better_base():
        return
    if importlib.util.find_spec("ensurepip") is None:
        apt.install(["python3-venv"], "Python's venv module")
    print("Creating .venv ...", flush=True)
    # A new process: modules that apt has just brought may be unknown to this one.
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)  # nosec B603 # our own words, without a shell
    if done.returncode:
        raise CannotStart(f"{sys.executable} -m venv {VENV} failed with status {done.returncode}")


def works() -> bool:
    """Whether the environment's own pip runs: false for one that was interrupted, or whose Python is gone."""
    if not PYTHON.exists():
        return False
    probe = [str(PYTHON), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0  # nosec B603 # our own words, without a shell


def install_libraries() -> None:
    """Exactly the locked versions; a file with another hash is refused."""
    print("Installing the pinned libraries (once, about a minute) ...", flush=True)
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-input"]
    command = [str(PYTHON), "-m", "pip", "install", *options, "-r", str(LOCK_FILE)]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)  # nosec B603 # our own words, without a shell
    if done.returncode:
        raise CannotStart(f"pip could not install {LOCK_FILE}:\n{done.stderr[-3000:]}")


def make_projects_importable() -> None:
    """Puts the projects' folders on the environment's path, in place: an edit needs no new install."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = next(iter(sorted((VENV / "lib").glob("python3.*/site-packages"))), None)
    packages = packages or VENV / "lib" / version / "site-packages"
    path_file = packages / PATH_FILE
    text = "".join(f"{ROOT / folder}\n" for folder in IMPORT_FOLDERS)
    if not path_file.exists() or path_file.read_text() != text:
        write_whole(path_file, text)
