"""The registry of those who wait for assignments."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime

from chassis.events import Event
from gateway.waiting import Arrivals, Pair, Registry

ORGANIZATION = uuid.uuid4()


def pair(organization_id: uuid.UUID = ORGANIZATION) -> Pair:
    return Pair(str(organization_id), str(uuid.uuid4()), str(uuid.uuid4()))


def event(
    *pairs: Pair, organization_id: uuid.UUID = ORGANIZATION, name: str = "assignment_created"
) -> Event:
    assignments = [
        {
            "id": f"id of {p.student_id}",
            "instructor_id": p.instructor_id,
            "student_id": p.student_id,
        }
        for p in pairs
    ]
    return Event(
        id=uuid.uuid4(),
        source="assignment",
        name=name,
        time=datetime.now(UTC),
        subject="x",
        organization_id=organization_id,
        data={"assignments": assignments},
    )


def test_what_was_seen_before_the_wait_ends_it_at_once() -> None:
    registry, wanted = Registry(), pair()
    with registry.expecting([wanted]) as expectation:
        registry.tell(event(pair(), wanted))
        assert expectation.wait(0)
        assert expectation.seen == {wanted: f"id of {wanted.student_id}"}


def test_all_pairs_must_be_seen_in_any_number_of_events() -> None:
    registry, pairs = Registry(), [pair() for _ in range(3)]
    with registry.expecting(pairs) as expectation:
        registry.tell(event(pairs[0], pairs[2]))
        registry.tell(event(pairs[0]))
        assert not expectation.wait(0)
        registry.tell(event(pairs[1]))
        assert expectation.wait(0)


def test_all_who_wait_for_a_pair_are_told() -> None:
    registry, wanted = Registry(), pair()
    with registry.expecting([wanted]) as one, registry.expecting([wanted]) as other:
        registry.tell(event(wanted))
        assert one.is_complete
        assert other.is_complete


def test_the_same_ids_in_another_organization_say_nothing() -> None:
    registry, wanted = Registry(), pair()
    with registry.expecting([wanted]) as expectation:
        registry.tell(event(wanted, organization_id=uuid.uuid4()))
        assert not expectation.wait(0)


def test_nobody_is_kept_who_does_not_wait_any_more() -> None:
    registry, wanted = Registry(), pair()
    with registry.expecting([wanted, pair()]), registry.expecting([wanted]):
        assert registry._waiting
    assert not registry._waiting


def recalled(registry: Registry, wanted: Pair) -> str | None:
    with registry.expecting([wanted]) as expectation:
        registry.recall(expectation)
        return expectation.seen.get(wanted)


def test_an_assignment_is_remembered_until_it_ends() -> None:
    registry, wanted = Registry(), pair()
    registry.tell(event(wanted))
    assert recalled(registry, wanted) == f"id of {wanted.student_id}"
    registry.tell(event(wanted, name="assignment_ended"))
    assert recalled(registry, wanted) is None


def test_the_end_of_an_earlier_assignment_does_not_make_a_later_one_forgotten() -> None:
    registry, wanted = Registry(), pair()
    registry.learn(wanted, "the later one")
    registry.tell(event(wanted, name="assignment_ended"))
    assert recalled(registry, wanted) == "the later one"


def test_an_assignment_ended_through_this_process_is_forgotten_at_once() -> None:
    registry, wanted = Registry(), pair()
    registry.learn(wanted, "any")
    registry.forget(wanted)
    assert recalled(registry, wanted) is None


def test_nothing_is_remembered_over_a_lost_connection() -> None:
    registry, wanted = Registry(), pair()
    registry.tell(event(wanted))
    registry.forget_all()
    assert recalled(registry, wanted) is None


def test_a_waiting_thread_is_woken() -> None:
    registry, wanted = Registry(), pair()
    with registry.expecting([wanted]) as expectation:
        threading.Timer(0.02, lambda: registry.tell(event(wanted))).start()
        assert expectation.wait(5)


def test_who_would_take_too_many_threads_does_not_wait() -> None:
    arrivals = Arrivals(at_once=1)
    with arrivals.place() as first, arrivals.place() as second:
        assert first
        assert not second
    with arrivals.place() as again:
        assert again
