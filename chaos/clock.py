"""The clocks of processes, by libfaketime: a file for each process says how far its clock is off."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from local_runner import apt
from local_runner.errors import CannotStart
from local_runner.places import write_whole
from local_runner.processes import Spec

PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")

# A process looks at its file about once a second. Durations are measured with the monotonic clock, which stays right.
CACHE_SECONDS = 1
GATEWAY = "gateway"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the C library keeps it # nosec B108


@dataclass(frozen=True)
class Clocks:
    """One file for each process in a folder that every account can read."""

    folder: Path
    library: Path

    def given_to(self, spec: Spec) -> Spec:
        """The spec with a clock that can be set, right at first; the gateway's stays what it is.

        libfaketime mistakes the moments that Python's own `time.sleep` waits for (clock_nanosleep with the monotonic
        clock). The services sleep as eventlet does; the gateway does not.

        The library is loaded after the change of account: what it shares with its children must belong to that.
        """
        if spec.name == GATEWAY:
            return spec
        path = self._file(spec.name)
        write_whole(path, "+0s\n")
        environment = {
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_CACHE_DURATION": str(CACHE_SECONDS),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return replace(
            spec,
            environment={**spec.environment, **environment},
            command=("env", f"LD_PRELOAD={self.library}", *spec.command),
        )

    @contextlib.contextmanager
    def off_by(self, process: str, seconds: float) -> Iterator[None]:
        """The process's clock is wrong as long as the block runs."""
        write_whole(self._file(process), f"{seconds:+.3f}s\n")
        try:
            yield
        finally:
            write_whole(self._file(process), "+0s\n")

    def _file(self, process: str) -> Path:
        return self.folder / f"{process}.clock"


def remove_leftovers() -> None:
    """Shared memory that libfaketime made for processes that were killed."""
    for path in SHARED_MEMORY.glob("*faketime_s*_*"):
        pid = path.name.rpartition("_")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            with contextlib.suppress(OSError):
                path.unlink()


def clocks(folder: Path) -> Clocks | None:
    """None where there is no libfaketime, and none can be installed or works."""
    library = found_or_installed()
    return Clocks(folder, library) if library is not None and works(library) else None


def found_or_installed() -> Path | None:
    """The library; Debian's package libfaketime is installed if that is possible."""
    if (found := find()) is not None:
        return found
    with contextlib.suppress(CannotStart):
        apt.install(["libfaketime"], "libfaketime")
    return find()


def find() -> Path | None:
    """The library for programs with threads."""
    return next((place for pattern in PLACES for place in Path("/").glob(pattern[1:])), None)


@functools.cache
def works(library: Path) -> bool:
    """Whether a Python that is started with it reads another time."""
    code = "import time; print(time.time())"
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": "-1000d"}
    asked = [
        subprocess.run(  # nosec B603 # our own words, without a shell
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        ).stdout
        for env in (os.environ, environment)
    ]
    try:
        return float(asked[0]) - float(asked[1]) > 1000
    except ValueError:
        return False
