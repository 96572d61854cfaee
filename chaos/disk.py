"""A small disk of its own for the databases, that can be filled: a tmpfs that ends with this process.

It is mounted in a mount namespace of this process and its children, so a kill leaves nothing mounted.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from dataclasses import dataclass
from pathlib import Path

from local_runner import apt
from local_runner.errors import CannotStart

CLONE_NEWNS = 0x00020000


@dataclass(frozen=True)
class SmallDisk:
    """A mounted folder."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self) -> None:
        """Takes all the room that is left, though others take some of it meanwhile."""
        state = os.statvfs(self.folder)
        taken, piece = 0, state.f_bavail * state.f_frsize
        with self._ballast.open("wb") as file:
            while piece >= state.f_frsize:
                try:
                    os.posix_fallocate(file.fileno(), taken, piece)
                    taken += piece
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    piece //= 2

    def make_room(self) -> None:
        """Gives it back."""
        self._ballast.unlink(missing_ok=True)


def private_mounts() -> bool:
    """Puts this process into a mount namespace of its own. False where it may not; then all stays as it is."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    return succeeds("mount", "--make-rprivate", "/")


def small_disk(folder: Path, megabytes: int) -> SmallDisk | None:
    """A new disk at `folder`, None where nothing may be mounted. The command for it is installed if it can be."""
    folder.mkdir(mode=0o755, parents=True)
    with contextlib.suppress(CannotStart):
        apt.provide("mount", "for a small disk")
    options = f"size={megabytes}m,mode=755"
    mounted = succeeds("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    return SmallDisk(folder) if mounted else None


def succeeds(*command: str) -> bool:
    """Whether the command ends well; its words don't matter."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # nosec B603 # our own words, without a shell
    except OSError:
        return False
    return done.returncode == 0
