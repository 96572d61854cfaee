"""Keeps processes running: one thread that sleeps until a child dies, a signal comes or a restart is due.

Children are started from the main thread only: their death signal is tied to the thread that started them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from local_runner.errors import CannotStart, StopRequested
from local_runner.places import RunDir
from local_runner.processes import Child, Spec

TRIES_AT_START = 3


class Supervisor:
    """Starts specs, restarts what dies, stops all in stages."""

    def __init__(self, run_dir: RunDir) -> None:
        self._run_dir = run_dir
        self._children: dict[str, Child] = {}
        self._started_up = False
        self._stop_asked = 0
        self._wake_reader, self._wake_writer = os.pipe()
        for descriptor in (self._wake_reader, self._wake_writer):
            os.set_blocking(descriptor, False)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Takes over the signals; at the end, however it comes, every process is stopped."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            self._stop_all()

    def start(self, specs: Iterable[Spec]) -> None:
        """Starts processes that are to run until the end."""
        for spec in specs:
            child = self._children[spec.name] = Child(spec, self._run_dir)
            child.start()

    def run_to_end(self, specs: Iterable[Spec], seconds: float) -> None:
        """Runs jobs side by side; raises with the last words of one that fails."""
        jobs = [Child(spec, self._run_dir) for spec in specs]
        for job in jobs:
            job.start()
        try:
            self.wait_for(lambda: not any(job.is_alive for job in jobs), seconds, "preparation")
        finally:
            for job in jobs:
                job.end()
        for job in jobs:
            if job.process is not None and job.process.returncode:
                raise CannotStart(failure_text(job))

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Looks after the processes until the condition holds; raises when it takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{what} not ready after {seconds:.0f} seconds.\n{self._words_of_all()}"
                )
            self._look_after(0.1)

    def started_up(self) -> None:
        """From here on a process that keeps dying is restarted for ever instead of ending the start."""
        self._started_up = True

    def forever(self, also: Callable[[], None] = lambda: None) -> None:
        """Looks after the processes, and does `also` every second, until a signal asks to stop."""
        while True:
            self._look_after(1.0)
            also()

    def _look_after(self, seconds: float) -> None:
        """One round: sleep until something happens or is due, then act on it."""
        due = [child.restart_at for child in self._children.values() if child.restart_at]
        pause = min([seconds, *(moment - time.monotonic() for moment in due)])
        self._sleep(max(0.0, pause))
        if self._stop_asked:
            raise StopRequested
        for child in self._children.values():
            self._revive(child)

    def _revive(self, child: Child) -> None:
        if child.is_alive:
            return
        if child.restart_at is None:
            child.kill_group()
            child.plan_restart()
            self._tell_death(child)
        if child.restart_at is not None and child.restart_at <= time.monotonic():
            child.start()

    def _tell_death(self, child: Child) -> None:
        if not self._started_up and child.deaths_in_a_row >= TRIES_AT_START:
            raise CannotStart(failure_text(child))
        status = child.process.returncode if child.process else None
        print(f"{child.spec.name} ended with status {status}; restarting it", file=sys.stderr)

    def _sleep(self, seconds: float) -> None:
        """Sleeps until a signal writes to the pipe, at most `seconds`."""
        select.select([self._wake_reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked += 1

    def _stop_all(self) -> None:
        """The gateway before the services, these before the broker and the database."""
        asked = max(self._stop_asked, 1)
        for stage in sorted({child.spec.stage for child in self._children.values()}, reverse=True):
            children = [child for child in self._children.values() if child.spec.stage == stage]
            for child in children:
                child.ask_to_stop()
            deadline = time.monotonic() + max(child.spec.grace for child in children)
            while any(child.is_alive for child in children) and time.monotonic() < deadline:
                if self._stop_asked > asked:  # asked again: no more patience
                    break
                self._sleep(0.2)
            for child in children:
                child.end()

    def _words_of_all(self) -> str:
        parts = (f"--- {name}\n{child.last_words(6)}" for name, child in self._children.items())
        return "\n".join(parts)


def failure_text(child: Child) -> str:
    """What to tell a person about a process that can't start."""
    status = child.process.returncode if child.process else None
    words = child.last_words() or "(none)"
    said = f"{child.spec.name} ended with status {status}. Its last words:\n{words}"
    return f"{said}\n\n{child.spec.advice}" if child.spec.advice else said
