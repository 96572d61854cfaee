from __future__ import annotations

import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.tracing import can_trace, main_thread_stopped
from chassis.testing import wait_until

# The main thread repeats what it is told; the other one adds a dot a millisecond.
TWO_THREADS = """
import sys, threading, time
def tick(file):
    while True:
        file.write(".")
        file.flush()
        time.sleep(0.001)
threading.Thread(target=tick, args=(open(sys.argv[1], "w"),), daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print(line, end="", flush=True)
"""


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    return tmp_path / "ticks"


@pytest.fixture
def process(ticks: Path) -> Iterator[subprocess.Popen[str]]:
    if not can_trace():
        pytest.skip("no thread of another process may be stopped here")
    command = [sys.executable, "-c", TWO_THREADS, str(ticks)]
    with subprocess.Popen(  # nosec B603 # our own words, without a shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def test_the_main_thread_stands_still_while_others_go_on(
    process: subprocess.Popen[str], ticks: Path
) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with main_thread_stopped(process.pid):
        process.stdin.write("anybody there?\n")
        process.stdin.flush()
        before = ticks.stat().st_size
        wait_until(lambda: ticks.stat().st_size > before + 50)
        assert state_of(process.pid) == "t"
        assert process.poll() is None, "whoever waits for the process takes the stop for its end"
    assert process.stdout.readline() == "anybody there?\n"


def test_a_process_that_is_gone_can_not_be_stopped(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    with pytest.raises(OSError), main_thread_stopped(process.pid):
        pass


def state_of(pid: int) -> str:
    """As the kernel has it: `t` while it is traced and stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
