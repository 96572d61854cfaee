"""Tests side by side: each lane runs its suites one after another, on a virtual host of the broker that is its own.

A suite is a pytest of its own. One pytest for all would keep each project's service, a fixture of its whole session,
running beside the other projects' fakes of that service, on the same queue.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from chassis.addresses import ServerUrl
from chassis.rabbitmqctl import Rabbitmqctl
from local_runner.backing.server import Broker
from local_runner.errors import StopRequested
from local_runner.pytest_arguments import PYTEST
from local_runner.supervisor import Supervisor

AFTER_STOP_SECONDS = 20.0

# As a shell counts an interruption.
STOPPED = 130


class Lane:
    """The first lane writes to the terminal. What another one says is kept in a file until it can be shown whole."""

    def __init__(
        self,
        suites: Mapping[str, Sequence[str]],
        environment: Mapping[str, str],
        output: Path | None = None,
    ) -> None:
        self.statuses: dict[str, int] = {}
        self._waiting = dict(suites)
        self._environment = environment
        self._output = output
        self._ended_at = self._shown = 0
        self._suite = ""
        self._pytest: subprocess.Popen[bytes] | None = None

    def is_between(self) -> bool:
        """Whether no suite runs at this moment: the last one has ended and the next was not yet started."""
        if self._pytest is not None and (status := self._pytest.poll()) is not None:
            self.statuses[self._suite] = status
            self._pytest = None
            if self._output is not None:
                self._ended_at = self._output.stat().st_size
        return self._pytest is None

    def is_done(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self.is_between() and not self._waiting

    def go_on(self) -> None:
        """Starts the next suite, if none runs and there is one."""
        if not self.is_between() or not self._waiting:
            return
        self._suite = next(iter(self._waiting))
        words = self._waiting.pop(self._suite)
        with self._out() as out:
            print(f"\n== {self._suite}", file=out, flush=True)
            self._pytest = subprocess.Popen(  # nosec B603 # our own words, without a shell
                [*PYTEST, *words], env=self._environment, stdout=out, stderr=out
            )

    @contextlib.contextmanager
    def _out(self) -> Iterator[TextIO]:
        if self._output is None:
            yield sys.stdout
            return
        with self._output.open("a", encoding="utf-8") as file:
            yield file

    def show(self) -> None:
        """Prints what was kept of suites that have ended, once."""
        if self._output is None or self._shown == self._ended_at:
            return
        text = self._output.read_bytes()[self._shown : self._ended_at]
        print(text.decode(errors="replace"), end="", flush=True)
        self._shown = self._ended_at

    def stop(self) -> None:
        """Gives the running tests time to tear down, and starts no more."""
        self._waiting.clear()
        if self.is_between() or self._pytest is None:
            return
        self._pytest.send_signal(signal.SIGINT)
        try:
            self._pytest.wait(AFTER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._pytest.kill()
            self._pytest.wait()
        self.is_between()
        self.statuses[self._suite] = STOPPED


def run(supervisor: Supervisor, lanes: Sequence[Lane]) -> dict[str, int]:
    """Runs all lanes at once; every suite's status. Ctrl-C reaches the tests directly, a SIGTERM is passed on."""
    first, *others = lanes

    def all_done() -> bool:
        for lane in others:
            lane.go_on()
        if first.is_between():  # else the one would write into the middle of the other's lines
            for lane in others:
                lane.show()
            first.go_on()
        return all(lane.is_done() for lane in lanes)

    try:
        supervisor.wait_for(all_done, float("inf"), "tests")
    except StopRequested:
        for lane in lanes:
            lane.stop()
    for lane in others:
        lane.show()
    return {suite: status for lane in lanes for suite, status in lane.statuses.items()}


@contextlib.contextmanager
def virtual_host(broker: Broker) -> Iterator[str]:
    """The broker's address with a virtual host that is new, and removed at the end."""
    name = f"tandem-test-{os.getpid()}"
    url, rabbitmqctl = ServerUrl.read(broker.url), Rabbitmqctl(broker.control)
    rabbitmqctl.run("add_vhost", name)
    try:
        rabbitmqctl.run("set_permissions", "-p", name, url.user, ".*", ".*", ".*")
        yield str(url.with_path(f"/{name}"))
    finally:
        rabbitmqctl.run("delete_vhost", name)
