"""The whole machine in small: a system of its own, every kind of fault once, and every answer checked."""

from __future__ import annotations

import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys

import pytest

from local_runner.places import ROOT

# Alone on two cores it takes about three and a half minutes.
LIMIT_SECONDS = 600
STOP_SECONDS = 60


@pytest.mark.timeout(LIMIT_SECONDS + 2 * STOP_SECONDS)
def test_nothing_is_lost_or_done_twice_when_everything_happens_that_can_happen() -> None:
    command = [sys.executable, "-m", "chaos", "--each-once", "--seed", "1"]
    chaos = subprocess.Popen(  # nosec B603 # our own words, without a shell
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = chaos.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        chaos.send_signal(signal.SIGINT)
        said, _ = chaos.communicate(timeout=STOP_SECONDS)
        pytest.fail(f"not done within {LIMIT_SECONDS} s\n{said[-8000:]}")
    assert chaos.returncode == 0, said[-12000:]
    print(said)
