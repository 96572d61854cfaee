"""kill -9 of any process in the middle of the four ways: nothing that was answered is lost or done twice."""

from __future__ import annotations

import pytest
import requests

from chassis.testing import wait_until

from .callers import Callers
from .client import Api, sign_up
from .system import SERVICES, RunningSystem

PROCESSES = [*(f"{service}.1" for service in SERVICES), "gateway", "postgres"]


@pytest.mark.parametrize("process", PROCESSES)
def test_nothing_answered_is_lost_or_done_twice_when_a_process_is_killed(
    mistreated_system: RunningSystem, process: str
) -> None:
    mistreated_system.run_with()
    if process == "postgres" and "postgres" not in names_of(mistreated_system):
        pytest.skip("the database is not a process of this run")
    callers = Callers(sign_up(mistreated_system.url))
    callers.go_through(lambda: mistreated_system.kill(process))


def names_of(system: RunningSystem) -> set[str]:
    """Every process with a pid file."""
    return {path.stem for path in system.run_dir.glob("*.pid")}


def test_a_killed_process_is_started_again_and_serves(mistreated_system: RunningSystem) -> None:
    mistreated_system.run_with()
    for process in mistreated_system.processes():
        mistreated_system.kill(process)
    api = Api(mistreated_system.url)
    wait_until(lambda: is_ready(api), 60, every=0.1)
    organization = sign_up(mistreated_system.url)
    instructor, student = organization.pair()
    organization.assign(instructor, student)
    assert organization.instructors_of(student) == {instructor.id: "manual"}


def is_ready(api: Api) -> bool:
    """Whether the gateway says that all is well."""
    try:
        return api.get("/readyz").status == 200
    except requests.ConnectionError:
        return False
