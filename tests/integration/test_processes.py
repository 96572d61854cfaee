"""What the processes take and how they share the work."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import tzdata

from chassis.testing import wait_until

from .client import Organization, expect, session
from .system import SERVICES, RunningSystem

LIMIT_MEGABYTES = 120
HANDLED = re.compile(r"^tandem_(?:rpc|events)_handled_seconds_count\{.*\} (\d+)", re.MULTILINE)


def resident_megabytes(pid: int) -> float:
    """What the process and its children hold in memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own / 1024 + sum(resident_megabytes(int(child)) for child in children)


def test_each_service_takes_less_than_120_megabytes_at_rest(
    mistreated_system: RunningSystem,
) -> None:
    mistreated_system.run_with()
    taken = {
        process: resident_megabytes(mistreated_system.pid(process))
        for process in mistreated_system.processes(*SERVICES)
    }
    assert len(taken) == len(SERVICES)
    assert max(taken.values()) < LIMIT_MEGABYTES, taken


def test_no_process_of_a_system_that_root_starts_is_roots(shared_system: RunningSystem) -> None:
    if "gateway run as root" in shared_system.words("runner"):
        pytest.skip("no Python of this machine can be run by another account")
    pids = [shared_system.pid(process) for process in shared_system.processes()]
    owners = {pid: Path(f"/proc/{pid}").stat().st_uid for each in pids for pid in family(each)}

    assert len(pids) == 2 * len(SERVICES) + 1
    assert len(owners) > len(pids), "the gateway has a worker"
    if os.geteuid() == 0:
        assert 0 not in owners.values()
        assert len(set(owners.values())) == 1
    else:
        assert set(owners.values()) == {os.geteuid()}


def family(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


def handled(system: RunningSystem, process: str) -> float:
    """How many calls and events a process has worked on."""
    text = requests.get(f"{system.health_url(process)}/metrics", timeout=10).text
    return sum(float(number) for number in HANDLED.findall(text))


def test_every_process_uses_the_pinned_zone_data(shared_system: RunningSystem) -> None:
    urls = [shared_system.url, *map(shared_system.health_url, shared_system.processes(*SERVICES))]
    assert len(urls) > len(SERVICES)
    for url in urls:
        metrics = requests.get(f"{url}/metrics", timeout=10).text
        assert f'tandem_time_zone_data_info{{version="{tzdata.IANA_VERSION}"}} 1.0' in metrics, url


@pytest.mark.parametrize("service", SERVICES)
def test_two_copies_of_a_service_share_the_work(
    shared_system: RunningSystem, organization: Organization, service: str
) -> None:
    copies = shared_system.processes(service)
    assert len(copies) == 2
    before = {copy: handled(shared_system, copy) for copy in copies}

    def keep_everybody_busy() -> bool:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: ask_every_service(organization), range(8)))
        return all(handled(shared_system, copy) > before[copy] for copy in copies)

    assert wait_until(keep_everybody_busy, 20)


def ask_every_service(organization: Organization) -> None:
    """A call that reaches each of the five."""
    admin = organization.admin
    for path in ("/users", "/assignments", "/sessions", "/conversations", "/imports/template.csv"):
        expect(200, admin.get(path))


def test_events_are_handled_by_one_of_two_copies(
    shared_system: RunningSystem, organization: Organization
) -> None:
    pairs = [organization.pair() for _ in range(6)]
    for number, (instructor, student) in enumerate(pairs):
        expect(201, organization.admin.post("/sessions", session(instructor, student, number)))
    entries = organization.admin.items("/assignments")
    assert len(entries) == len({entry["student_id"] for entry in entries}) == len(pairs)
