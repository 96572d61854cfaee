"""Stops the main thread of another process by ptrace(2), while its other threads go on.

A process of its own traces: the kernel tells a tracer's whole process of each stop, and the supervisor, which waits for
its children, would take it for a death. Run as a script it stops the process with the given id, writes `stopped`,
and lets it go on when its input ends, also because whoever started it has died.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator

# <sys/ptrace.h>, <sys/wait.h>
SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
EVENT_STOP = 128
EVERY_THREAD = 0x40000000
STOPPED = b"stopped\n"


@contextlib.contextmanager
def main_thread_stopped(pid: int) -> Iterator[None]:
    """The main thread stands still as long as the block runs; OSError if the kernel does not allow it."""
    tracer = subprocess.Popen(  # nosec B603 # our own words, without a shell
        [sys.executable, __file__, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with tracer:
        if tracer.stdout is None or tracer.stdout.readline() != STOPPED:
            raise PermissionError(f"process {pid} can not be traced")
        yield


@functools.cache
def can_trace() -> bool:
    """Tries it on a process of its own."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as harmless:  # nosec B603 B607 # our own words, without a shell
        try:
            with main_thread_stopped(harmless.pid):
                return True
        except OSError:
            return False


def trace(request: int, thread: int, data: int = 0) -> None:
    """One request to the kernel."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    ptrace.restype = ctypes.c_long
    if ptrace(request, thread, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def stop(thread: int) -> int:
    """Stops a thread; the signal that it was about to get, which is handed on when it is released."""
    trace(SEIZE, thread)
    trace(INTERRUPT, thread)
    _, status = os.waitpid(thread, EVERY_THREAD)
    is_ours = status >> 16 == EVENT_STOP
    return 0 if is_ours or not os.WIFSTOPPED(status) else os.WSTOPSIG(status)


def main(pid: int) -> None:
    """Stops the process's main thread until the input ends. Its own end, however it comes, releases it as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pending = stop(pid)
    os.write(sys.stdout.fileno(), STOPPED)
    sys.stdin.read()
    with contextlib.suppress(ProcessLookupError):
        trace(DETACH, pid, pending)


if __name__ == "__main__":
    main(int(sys.argv[1]))
