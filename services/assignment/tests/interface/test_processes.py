"""What holds when processes die, were never started, or are several."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from chassis import migrations
from chassis.errors import Unavailable
from chassis.events import Event
from chassis.testing import ServiceProcess, wait_until


@pytest.fixture(scope="module", autouse=True)
def unstarted(service: ServiceProcess) -> Iterator[None]:
    """The session's service shares its queues with those of these tests: it pauses."""
    service.stop()
    yield
    # The queues were deleted and declared again.
    service.prepare()
    service.start()


def test_models_and_migrations_agree(service: ServiceProcess) -> None:
    url = service.database.owner.replace("postgresql://", "postgresql+psycopg2://")
    assert migrations.drift("assignment_service", url) == []


def test_a_booking_from_before_the_very_first_start_is_applied(new_organization: Any) -> None:
    with ServiceProcess("assignment_service", started=False) as fresh:
        organization = new_organization(fresh)
        pairs = [organization.pair() for _ in range(5)]
        bookings = [organization.booked(pair) for pair in pairs]
        for event in bookings:
            fresh.publish_to_it(event)
        fresh.start()
        organization.wait_for(*bookings)
        assert [organization.reason(pair) for pair in pairs] == ["assigned"] * 5


def test_a_kill_in_the_middle_loses_nothing_and_repeats_nothing(new_organization: Any) -> None:
    with ServiceProcess("assignment_service") as mortal:
        organization = new_organization(mortal)
        pairs = [organization.pair() for _ in range(300)]
        bookings = [organization.booked(pair) for pair in pairs]
        with held_up(mortal, bookings[150]):
            for event in bookings:
                mortal.publish_to_it(event)
            wait_until(lambda: mortal.sql("SELECT count(*) FROM inbox")[0][0] > 10)
            mortal.kill()
        assert 10 < mortal.sql("SELECT count(*) FROM inbox")[0][0] < 300
        mortal.start()
        organization.wait_for(*bookings)
        assert all(len(organization.rows(pair)) == 1 for pair in pairs)
        told = [
            assignment["id"]
            for event in organization.events("assignment_created")
            for assignment in event.data["assignments"]
        ]
        assert len(told) == len(set(told)) == 300
        unsent = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
        wait_until(lambda: mortal.sql(unsent)[0][0] == 0, 30)


@contextmanager
def held_up(service: ServiceProcess, event: Event) -> Iterator[None]:
    """Keeps an event's handler waiting: another transaction has noted the event and may yet commit."""
    connection = psycopg2.connect(service.database.superuser)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inbox (event_id, handler) VALUES (%s, %s)",
            (str(event.id), f"assignment.on_{event.source}_{event.name}"),
        )
        yield
    connection.close()


def test_two_copies_share_the_work_and_keep_the_rules(new_organization: Any) -> None:
    with ServiceProcess("assignment_service", copies=2) as pair_of_copies:
        organization = new_organization(pair_of_copies)
        pairs = [organization.pair() for _ in range(100)]
        bookings = [organization.booked(pair) for pair in pairs for _ in range(2)]
        for event in bookings:
            pair_of_copies.publish_to_it(event)
        for pair in pairs:
            organization.call("assign", **pair)
        organization.wait_for(*bookings)
        assert all(len(organization.rows(pair)) == 1 for pair in pairs)

        def handled(port: int) -> float:
            metrics = pair_of_copies.http("/metrics", port) or ""
            lines = [
                line
                for line in metrics.splitlines()
                if line.startswith("tandem_rpc_handled_seconds_count")
            ]
            return sum(float(line.rpartition(" ")[2]) for line in lines)

        assert all(handled(port) > 10 for port in pair_of_copies._ports)


def test_without_identity_known_pairs_are_decided_and_unknown_ones_answered_in_time(
    new_organization: Any, identities: Any
) -> None:
    with ServiceProcess("assignment_service") as alone:
        organization = new_organization(alone)
        known, unknown = organization.known_pair(), organization.pair()
        organization.call("assign", **known)
        # Silent like a stopped service: its queue takes the question, and no answer comes.
        over = threading.Event()
        identities.fake.handlers["get_users"] = lambda *_: over.wait(60)
        try:
            assert organization.reason(known) == "assigned"
            started = time.monotonic()
            with pytest.raises(Unavailable):
                organization.call("authorize", **unknown)
            with pytest.raises(Unavailable):
                organization.call("assign", operation_id=uuid.uuid4(), **unknown)
            assert time.monotonic() - started < 5
        finally:
            over.set()
            identities.fake.handlers["get_users"] = identities.get_users
        assert organization.rows(unknown) == []
        assert organization.call("assign", **unknown)["created"]
