"""Servers that are several: one of them dies in the middle of the load, and the others' processes go on without it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from chassis.testing import wait_until

from .callers import Callers
from .client import Api, Organization, expect, session, sign_up
from .cluster import Cluster, cluster
from .conftest import run_folder
from .system import SERVICES, RunningSystem

pytestmark = pytest.mark.timeout(600)

EVENTS = "assignment.on_booking_session_booked"
STEPS = 24
# Ten are promised; a machine that does other work besides may take longer.
LIMIT_SECONDS = 25.0


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """Started once; each test leaves them whole, though not who of them leads."""
    with cluster() as found:
        yield found


@pytest.fixture(scope="module")
def system(servers: Cluster) -> Iterator[RunningSystem]:
    """One copy of everything on these servers."""
    with run_folder() as folder, RunningSystem(folder, variables=servers.variables) as found:
        yield found


def go_through(system: RunningSystem, what: str, disturb: Callable[[], None]) -> None:
    """Load, a disturbance in the middle of it, and a figure: how long after it the last request failed."""
    callers = Callers(sign_up(system.url), STEPS)
    pids = {name: system.pid(name) for name in system.processes()}
    since = [0.0]

    def disturbed() -> None:
        since[0] = time.monotonic()
        disturb()

    callers.go_through(disturbed)
    later = [moment - since[0] for moment in callers.failures]
    print(f"\n{what}: {len(later)} requests failed, the last after {max(later, default=0):.1f} s")
    assert max(later, default=0) < LIMIT_SECONDS
    assert pids == {name: system.pid(name) for name in system.processes()}


def assert_works(organization: Organization) -> None:
    """A booking by the administrator leads to its assignment, and a message gets through."""
    instructor, student = organization.pair()
    callers = Callers(organization, 1)
    callers.post(organization.admin, "/sessions", session(instructor, student))
    wait_until(lambda: organization.is_allowed(instructor, student), 30, every=0.1)
    callers.write()


def test_every_queue_that_outlives_a_process_is_on_all_nodes(
    servers: Cluster, system: RunningSystem
) -> None:
    rows = servers.control("list_queues", "name", "type", "members")
    lasting = {
        row["name"]: row for row in rows if not row["name"].startswith(("rpc.reply", "amq."))
    }
    assert {f"rpc-{service}" for service in SERVICES} <= lasting.keys()
    assert EVENTS in lasting
    for row in lasting.values():
        assert row["type"] == "quorum", row
        assert len(row["members"]) == len(servers.broker.nodes), row


def test_nothing_is_lost_or_done_twice_when_the_node_that_leads_a_queue_is_killed(
    servers: Cluster, system: RunningSystem
) -> None:
    leader = servers.members(EVENTS)["leader"]
    number = next(n for n, node in enumerate(servers.broker.nodes) if node.node == leader)
    killed, other = servers.broker.nodes[number], (number + 1) % len(servers.broker.nodes)
    go_through(system, "leader of a queue killed", lambda: servers.kill(killed.name))
    wait_until(lambda: servers.members(EVENTS, other)["leader"] not in ("", leader), 60, every=0.5)

    servers.start(killed.broker_spec())
    wait_until(lambda: leader in servers.members(EVENTS, other)["online"], 90, every=0.5)
    # Next the one that the gateway is connected to. Without the one that came back there is no majority any more.
    second = servers.node_of("gateway", other)
    assert second.node != leader
    go_through(system, "node of the gateway killed", lambda: servers.kill(second.name))
    assert_works(sign_up(system.url))
    servers.start(second.broker_spec())
    wait_until(servers.broker.is_ready, 90, every=0.1)


def test_nothing_is_answered_that_the_replica_does_not_have(
    servers: Cluster, system: RunningSystem
) -> None:
    organization = sign_up(system.url)
    body = session(*organization.pair())
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    servers.kill(servers.replica.name)
    answer = organization.admin.post("/sessions", body, headers=headers)
    assert answer.status == 503, answer.body
    servers.start_database(servers.replica)

    def answered() -> bool:
        again = organization.admin.post("/sessions", body, headers=headers)
        return expect((201, 200, 503, 409), again) is not None and again.status in {200, 201}

    wait_until(answered, 60, every=0.1)
    assert len(organization.admin.items("/sessions")) == 1


def test_nothing_is_lost_or_done_twice_when_the_primary_is_killed_and_the_replica_promoted(
    servers: Cluster, system: RunningSystem
) -> None:
    def fail_over() -> None:
        servers.kill(servers.primary.name)
        servers.replica.promote()

    go_through(system, "primary killed, replica promoted", fail_over)

    # The old primary comes back as a replica: it stands first in the address and takes no writes.
    servers.primary.follow(servers.replica)
    servers.start_database(servers.primary)
    close_all_connections(system)
    organization = sign_up_when_it_works(system)
    assert_works(organization)


def close_all_connections(system: RunningSystem) -> None:
    """Has every service choose a server anew."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tandem-%'"
    assert system.sql("booking", ended)


def sign_up_when_it_works(system: RunningSystem) -> Organization:
    """The ways to the database are opened again."""
    wait_until(lambda: Api(system.url).get("/readyz").status == 200, 60, every=0.1)
    return sign_up(system.url)
