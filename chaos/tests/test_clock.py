from __future__ import annotations

import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
from pathlib import Path

import pytest

from chaos.clock import Clocks, clocks
from chassis.testing import wait_until
from local_runner.processes import Spec

TELL_THE_TIME = """
import select, time
while True:
    print(time.time(), flush=True)
    select.select([], [], [], 0.1)
"""


@pytest.fixture
def given(tmp_path: Path) -> Clocks:
    found = clocks(tmp_path)
    if found is None:
        pytest.skip("libfaketime is not available here")
    return found


def test_a_process_follows_its_clock_forwards_and_back(tmp_path: Path, given: Clocks) -> None:
    spec = given.given_to(Spec("teller", (sys.executable, "-c", TELL_THE_TIME), {}))
    said = tmp_path / "said"

    def is_off_by(seconds: float) -> bool:
        lines = said.read_text().splitlines()
        return bool(lines) and abs(float(lines[-1]) - time.time() - seconds) < 100

    with said.open("w") as output:
        teller = subprocess.Popen(spec.command, env=dict(spec.environment), stdout=output)  # nosec B603 # our own words, without a shell
    try:
        wait_until(lambda: is_off_by(0), 30)
        with given.off_by("teller", -3600):
            wait_until(lambda: is_off_by(-3600), 30)
        wait_until(lambda: is_off_by(0), 30)
    finally:
        teller.kill()
        teller.wait()


def test_the_gateways_clock_is_left_alone(given: Clocks) -> None:
    spec = Spec("gateway", ("gunicorn",), {})
    assert given.given_to(spec) == spec
