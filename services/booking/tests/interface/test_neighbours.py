"""What booking learns from identity and assignment."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Forbidden, Invalid, Unavailable
from chassis.testing import FakeNeighbour, ServiceProcess, wait_until

FAR = datetime(2035, 1, 1, 8, tzinfo=UTC)


def known(school: Any, person_id: uuid.UUID) -> Any:
    rows = school.service.sql(
        "SELECT roles, status, version FROM participants WHERE id = %s", (str(person_id),)
    )
    return rows[0] if rows else None


def participant(person_id: uuid.UUID, *, version: int, status: str = "active") -> dict[str, Any]:
    return {
        "id": str(person_id),
        "roles": ["student"],
        "status": status,
        "time_zone": None,
        "version": version,
        "new_field": 1,
    }


@pytest.mark.parametrize("name", ["user_created", "user_updated", "user_archived", "user_restored"])
def test_people_are_learned_from_identitys_events(school: Any, name: str) -> None:
    people = [uuid.uuid4() for _ in range(3)]
    data = {"users": [participant(p, version=1) for p in people], "assignments": [], "more": 1}
    school.event("identity", name, data)
    wait_until(lambda: all(known(school, person) for person in people))


@pytest.mark.parametrize("order", [(3, 2), (2, 3)])
def test_an_older_version_never_replaces_a_newer(school: Any, order: tuple[int, ...]) -> None:
    person = uuid.uuid4()
    status = {2: "active", 3: "archived"}
    for version in order:
        users = [participant(person, version=version, status=status[version])]
        event = school.event("identity", "user_updated", {"users": users})
        wait_until(lambda event=event: is_applied(school, event))  # type: ignore[misc]
    assert known(school, person) == (["student"], "archived", 3)


def is_applied(school: Any, event: Any) -> bool:
    return bool(school.service.sql("SELECT 1 FROM inbox WHERE event_id = %s", (str(event.id),)))


def test_a_person_twice_in_one_event_is_known_by_the_newer_version(school: Any) -> None:
    person = uuid.uuid4()
    users = [participant(person, version=2, status="archived"), participant(person, version=1)]
    school.event("identity", "user_created", {"users": users})
    assert wait_until(lambda: known(school, person)) == (["student"], "archived", 2)


def test_the_organizations_settings_are_learned_from_its_events(school: Any) -> None:
    pair = school.pair(assigned=True)
    school.book(pair)
    newer = school.settings | {"students_may_book": "yes", "version": 2}
    school.event("identity", "organization_updated", {"organization": newer})
    student = school.as_person(pair[1])

    def may_book() -> Any:
        try:
            return school.book(pair, by=student, method="request_session")
        except Forbidden:
            return None

    assert wait_until(may_book)["status"] == "scheduled"


def test_a_person_is_asked_for_once_and_then_known(school: Any, identity: FakeNeighbour) -> None:
    pair = school.pair()
    before = len(identity.calls)
    school.book(pair)
    asked = len(identity.calls)
    assert asked > before
    school.book(pair)
    assert len(identity.calls) == asked


def test_somebody_restored_a_moment_ago_can_be_booked(school: Any) -> None:
    pair = school.pair()
    school.people[str(pair[1])]["status"] = "archived"
    with pytest.raises(Invalid):
        school.book(pair)
    school.people[str(pair[1])] |= {"status": "active", "version": 2}
    assert school.book(pair)


def test_a_refresh_makes_an_archived_person_known_at_once(school: Any) -> None:
    pair = school.pair()
    school.book(pair)
    school.people[str(pair[1])] |= {"status": "archived", "version": 2}
    assert school.call("refresh_participants", user_ids=[str(pair[1])]) is None
    with pytest.raises(Invalid) as refused:
        school.book(pair)
    assert refused.value.code == "booking.archived_person"


def test_a_refresh_makes_new_settings_known_at_once(school: Any) -> None:
    pair = school.pair(assigned=True)
    school.book(pair)
    school.settings |= {"students_may_book": "request", "version": 2}
    assert school.call("refresh_organization") is None
    session = school.book(pair, by=school.as_person(pair[1]), method="request_session")
    assert session["status"] == "pending"


@pytest.mark.parametrize(
    "user_ids", [None, [], "x", ["x"], [None], [1], [str(uuid.uuid4())] * 1001]
)
def test_a_refresh_of_no_ids_is_refused(school: Any, user_ids: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.call("refresh_participants", user_ids=user_ids)
    assert refused.value.errors[0].pointer.startswith("/user_ids")


def test_without_identity_strangers_cannot_be_booked_but_known_people_can(
    school: Any, identity: FakeNeighbour
) -> None:
    pair = school.pair()
    school.book(pair)
    answers = identity.handlers["get_users"]

    def silent(_kwargs: Any, _call: Any) -> None:
        raise Unavailable("database.unavailable", "Down.")

    identity.handlers["get_users"] = silent
    try:
        with pytest.raises(Unavailable):
            school.book(school.pair())
        assert school.book(pair)
    finally:
        identity.handlers["get_users"] = answers


def ended(pair: Any, future_sessions: str) -> dict[str, Any]:
    return {
        "assignments": [
            {"id": str(uuid.uuid4()), "instructor_id": str(pair[0]), "student_id": str(pair[1])}
        ],
        "future_sessions": future_sessions,
        "new_field": True,
    }


def status(school: Any, session: Any) -> str:
    found: str = school.call("get_session", session_id=session["id"])["status"]
    return found


def test_an_ended_assignment_cancels_what_was_ahead_once(school: Any) -> None:
    pair = school.pair()
    coming = [school.book(pair, starts_at=FAR + timedelta(days=n)) for n in range(3)]
    gone = school.book(pair, starts_at=datetime.now(UTC) - timedelta(days=1))
    event = school.event("assignment", "assignment_ended", ended(pair, "cancel"))
    school.service.publish_to_it(event)
    wait_until(lambda: all(status(school, s) == "cancelled" for s in coming))
    assert status(school, gone) == "scheduled"
    for session in coming:
        assert school.events_of(session) == ["session_booked", "session_cancelled"]


def test_an_ended_assignment_keeps_sessions_unless_told_otherwise(school: Any) -> None:
    pair, other = school.pair(), school.pair()
    kept, cancelled = school.book(pair, starts_at=FAR), school.book(other, starts_at=FAR)
    school.event("assignment", "assignment_ended", ended(pair, "keep"))
    school.event("assignment", "assignment_ended", ended(other, "cancel"))
    wait_until(lambda: status(school, cancelled) == "cancelled")
    assert status(school, kept) == "scheduled"


def test_a_late_end_does_not_cancel_what_was_booked_after_it(school: Any) -> None:
    pair = school.pair()
    before = school.book(pair, starts_at=FAR)
    at = datetime.now(UTC)
    after = school.book(pair, starts_at=FAR + timedelta(days=1))
    school.event("assignment", "assignment_ended", ended(pair, "cancel"), time=at)
    wait_until(lambda: status(school, before) == "cancelled")
    assert status(school, after) == "scheduled"


@pytest.mark.parametrize("method", ["count_future_sessions", "cancel_future_sessions"])
def test_only_admins_look_after_a_pairs_coming_sessions(school: Any, method: str) -> None:
    pair = school.pair(assigned=True)
    for person in pair:
        with pytest.raises(Forbidden):
            school.call(
                method, by=school.as_person(person), instructor_id=pair[0], student_id=pair[1]
            )


def test_queues_and_exchanges_keep_their_names(service: ServiceProcess) -> None:
    contract = service.contract
    assert [contract.queue_name(s) for s in contract.subscribes] == [
        "booking.on_identity_user_created",
        "booking.on_identity_user_updated",
        "booking.on_identity_user_archived",
        "booking.on_identity_user_restored",
        "booking.on_identity_user_erased",
        "booking.on_identity_organization_created",
        "booking.on_identity_organization_updated",
        "booking.on_assignment_assignment_ended",
    ]
    assert contract.required == {"session_booked", "audit_recorded"}
