"""Tests side by side."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_runner import lanes
from local_runner.backing.server import GivenServer
from local_runner.errors import StopRequested
from local_runner.lanes import Lane

# Pytest alone starts in half the time.
PLAIN = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PASSES = "def test_one():\n    pass\n"
FAILS = "def test_one():\n    assert False\n"
MEETS_THE_OTHER = """
import time
from pathlib import Path

def test_one():
    here = Path(__file__)
    here.with_suffix(".here").touch()
    deadline = time.monotonic() + 60
    while len(list(here.parent.glob("*.here"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


class Waiting:
    """What a supervisor does while tests run: it looks again and again."""

    def __init__(self, rounds: float = float("inf")) -> None:
        self._rounds = rounds

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        while not condition():
            self._rounds -= 1
            if self._rounds < 0:
                raise StopRequested
            time.sleep(0.01)


def suite(folder: Path, name: str, text: str) -> list[str]:
    """Pytest's words for a file of tests."""
    path = folder / f"test_{name}.py"
    path.write_text(text)
    return ["-q", "-p", "no:cacheprovider", f"--rootdir={folder}", str(path)]


def test_each_lane_runs_its_suites_in_order_and_beside_the_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    meeting = {name: suite(tmp_path, name, MEETS_THE_OTHER) for name in ("a", "b")}
    first = Lane({"a": meeting["a"], "c": suite(tmp_path, "c", PASSES)}, PLAIN)
    words = {"b": meeting["b"], "d": suite(tmp_path, "d", FAILS)}
    second = Lane(words, PLAIN, tmp_path / "second.log")
    statuses = lanes.run(Waiting(), [first, second])  # type: ignore[arg-type]
    assert statuses == {"a": 0, "c": 0, "b": 0, "d": 1}
    said = capfd.readouterr().out
    assert sorted(line for line in said.splitlines() if line.startswith("== ")) == [
        *("== a", "== b", "== c", "== d")
    ]
    assert said.count("1 passed") == 3
    assert said.count("1 failed") == 1


def test_what_another_lane_says_is_shown_whole_and_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lane = Lane({"a": suite(tmp_path, "a", PASSES)}, PLAIN, tmp_path / "log")
    lane.go_on()
    lane.show()
    assert capfd.readouterr().out == ""
    Waiting().wait_for(lane.is_done, 60, "a")
    lane.show()
    lane.show()
    assert capfd.readouterr().out.count("1 passed") == 1


def test_a_stop_ends_the_running_tests_of_every_lane_and_starts_no_more(tmp_path: Path) -> None:
    alone = [
        Lane(
            {name: suite(tmp_path, name, MEETS_THE_OTHER), "later": []},
            PLAIN,
            tmp_path / f"{name}.log",
        )
        for name in ("a",)
    ]
    statuses = lanes.run(Waiting(rounds=50), alone)  # type: ignore[arg-type]
    assert statuses == {"a": lanes.STOPPED}


def test_a_virtual_host_is_made_for_the_administrator_and_removed(tmp_path: Path) -> None:
    said = tmp_path / "said"
    control = ("sh", "-c", f'echo "$@" >> {said}', "rabbitmqctl")
    broker = GivenServer("amqp://tandem:secret@127.0.0.1:1//", control)
    with lanes.virtual_host(broker) as url:
        name = url.rpartition("/")[2]
        assert url == f"amqp://tandem:secret@127.0.0.1:1/{name}"
    assert said.read_text().splitlines() == [
        f"add_vhost {name}",
        f"set_permissions -p {name} tandem .* .* .*",
        f"delete_vhost {name}",
    ]
