"""Runs the child process that reads a file.

That is CPU work which would keep the event loop from its heartbeats, on input that may be made to hurt. The child
gets no environment, so neither the database's nor the broker's address.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any

import structlog

from chassis.errors import Unavailable
from import_service.reading.problems import UnreadableFile

log = structlog.get_logger()

SECONDS = 150
# How the child ends that is out of its time, of its memory, or of what it may write.
OUT_OF_LIMITS = frozenset({-signal.SIGXCPU, -signal.SIGXFSZ, 1, 120})
COMMAND = (sys.executable, "-m", "import_service.reading")
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONTZPATH", "VIRTUAL_ENV")


def read_file(
    content: Iterable[bytes],
    on_start: Callable[[dict[str, Any]], None],
    on_batch: Callable[[str], None],
) -> None:
    """Reads a file: `on_start` gets what it is, `on_batch` some hundred rows at a time, in JSON.

    UnreadableFile when it can't be used; Unavailable when the child was killed and may be started again. Both sides
    of the child are files on disk, so memory stays flat and a slow database holds nobody up.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as rows:
        for part in content:
            source.write(part)
        source.seek(0)
        run(source, rows)
        rows.seek(0)
        on_start(started(json.loads(rows.readline())))
        for line in rows:
            on_batch(line.decode())


def run(source: IO[bytes], rows: IO[bytes]) -> None:
    """Runs the child from `source` to `rows`."""
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(  # nosec B603 # our own words, without a shell
            COMMAND, stdin=source, stdout=rows, env=environment, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise too_much_work() from error
    if done.returncode in OUT_OF_LIMITS:
        raise too_much_work()
    if done.returncode != 0:
        log.warning("import.reader_ended", status=done.returncode)
        raise Unavailable("import.reader_ended", "The process that read the file was ended.")


def started(first: dict[str, Any]) -> dict[str, Any]:
    """What the child says first; UnreadableFile if that is why it stopped."""
    for problem in first.get("errors", []):
        raise UnreadableFile(problem["code"], problem["detail"], column=problem["column"])
    return first


def too_much_work() -> UnreadableFile:
    """The file took more time or memory than any honest one of its size."""
    detail = "The file could not be read with the time and memory there is; upload it in parts."
    return UnreadableFile("import.unreadable_file", detail)
