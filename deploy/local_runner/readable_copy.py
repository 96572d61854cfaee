"""A copy of code and libraries for an account that can't read the checkout, which may lie in root's home.

It belongs to root, and nobody else may change it. Copies are named after their content: an edit counts at the next
start, and two systems of one checkout share what is equal. What is in use is locked; a later start removes the rest.
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local_runner.account_folders import SHARED, make_public, needs_room_in
from local_runner.errors import CannotStart
from local_runner.places import IMPORT_FOLDERS, ROOT
from local_runner.python_environment import PATH_FILE, PYTHON, STAMP, VENV, alone_in

COPIES = SHARED / "checkouts"
# In each checkout's folder: where the checkout is.
ORIGIN = "checkout"
COMPILED = "__pycache__"


@dataclass(frozen=True)
class Copy:
    """The environment's Python, and the folders that the packages are imported from."""

    python: Path
    import_path: tuple[Path, ...]


@contextlib.contextmanager
def readable_copy(root: Path = ROOT) -> Iterator[Copy]:
    """Copies what is not there yet, and keeps others from removing it."""
    home = COPIES / hashlib.sha256(str(root).encode()).hexdigest()[:10]
    make_public(COPIES)
    with contextlib.ExitStack() as held:
        with needs_room_in(COPIES), alone_in(COPIES):
            make_public(home)
            (home / ORIGIN).write_text(str(root), encoding="utf-8")
            code = make_once(home / f"code-{code_digest(root)}", lambda to: copy_code(root, to))
            libraries = make_once(home / f"venv-{libraries_digest()}", copy_libraries)
            held.enter_context(in_use(code))
            held.enter_context(in_use(libraries))
            remove_what_nothing_uses(root)
        python = libraries / PYTHON.relative_to(VENV)
        yield Copy(python, tuple(code / folder for folder in IMPORT_FOLDERS))


def make_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """The folder, filled unless it is there: it appears whole or not at all."""
    if not folder.exists():
        draft = unfinished(folder)
        shutil.rmtree(draft, ignore_errors=True)
        try:
            fill(draft)
        except OSError:  # a disk that we have filled is not left full
            shutil.rmtree(draft, ignore_errors=True)
            raise
        open_to_all(draft)
        draft.rename(folder)
    return folder


def unfinished(folder: Path) -> Path:
    """The name of a copy while it is made or removed. A start that is killed then leaves it to the next one."""
    return folder.with_name(f".{folder.name}")


def packages(root: Path) -> list[Path]:
    """The importable packages of all projects, without tests."""
    marks = (mark for folder in IMPORT_FOLDERS for mark in (root / folder).glob("*/__init__.py"))
    return sorted(mark.parent for mark in marks if mark.parent.name != "tests")


def code_digest(root: Path) -> str:
    """Changes with any file of the packages."""
    digest = hashlib.sha256()
    for package in packages(root):
        for path in sorted(path for path in package.rglob("*") if path.is_file()):
            if path.parent.name != COMPILED:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def libraries_digest() -> str:
    """Changes with the locked versions, and with the Python below them."""
    return hashlib.sha256(f"{STAMP.read_text()}\0{PYTHON.resolve()}".encode()).hexdigest()[:16]


def copy_code(root: Path, to: Path) -> None:
    """Compiles it, too: the account can't keep compiled files for the next start."""
    for package in packages(root):
        ignored = shutil.ignore_patterns(COMPILED)
        shutil.copytree(package, to / package.relative_to(root), symlinks=True, ignore=ignored)
    compileall.compile_dir(to, quiet=2)


def copy_libraries(to: Path) -> None:
    """The environment without its link to the checkout. Its scripts are of no use: they name the original's Python."""
    shutil.copytree(VENV, to, symlinks=True, ignore=shutil.ignore_patterns(PATH_FILE))


def open_to_all(folder: Path) -> None:
    """Everybody may read it, whatever root's umask was when the original was made; only root may write."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            may_run = path.stat().st_mode & 0o100
            path.chmod(0o755 if may_run else 0o644)


def remove_unused(home: Path) -> None:
    """Removes copies that no running system uses, and the folder when it holds no other."""
    for left in home.glob(".*"):
        shutil.rmtree(left)
    for folder in home.glob("*-*"):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder.rename(unfinished(folder)))
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
    if not list(home.glob("*-*")):
        shutil.rmtree(home)


def clean_up(root: Path = ROOT) -> None:
    """For a start that needs no copy, maybe the first since one was used. It goes on where nothing can be removed."""
    if COPIES.exists():
        with contextlib.suppress(OSError, CannotStart):
            make_public(COPIES)
            with alone_in(COPIES):
                remove_what_nothing_uses(root)


def remove_what_nothing_uses(root: Path) -> None:
    """Removes unused copies of this checkout, and of those that are gone. The caller holds the lock of `COPIES`."""
    for home in COPIES.iterdir():
        origin = home / ORIGIN
        place = Path(origin.read_text(encoding="utf-8")) if origin.exists() else None
        if place is None or place == root or not place.exists():
            remove_unused(home)


def in_use(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Marks the folder as used until the context or this process ends."""
    return alone_in(folder, fcntl.LOCK_SH)
