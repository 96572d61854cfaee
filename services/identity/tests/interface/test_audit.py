"""The audit log over the real service: what is recorded, who may read it, and that it only grows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from chassis.errors import Forbidden, Invalid
from chassis.events import Event
from chassis.testing import ServiceProcess, wait_until

ZEROS = "0" * 64
# Too short, of other keys, without an offset, and with numbers that no column holds.
BAD_CURSORS = (
    "x",
    "W10",
    "WyIyMDMwLTAxLTAxIiwxXQ",
    "WyIyMDMwLTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwxZTMwXQ",
    "WyIyMDMwLTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwxODQ0Njc0NDA3MzcwOTU1MTYxNV0",
    "WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTIzOjU5IiwxXQ",
    7,
)


def said(organization: Any, action: str = "session.overlap_allowed", **more: Any) -> Event:
    """An `audit_recorded` of booking."""
    data = {"action": action, "actor_id": None, "targets": [], "details": {}}
    return Event(
        id=uuid.uuid4(),
        source=more.pop("source", "booking"),
        name="audit_recorded",
        time=more.pop("time", datetime.now(UTC)),
        subject="audit:one",
        organization_id=organization.id,
        data={**data, **more.pop("data", {})},
        **more,
    )


def assigned(organization: Any, count: int, **more: Any) -> Event:
    """An `assignment_created` of so many pairs."""
    pair = {
        "status": "active",
        "source": "import",
        "assigned_at": "2030-01-31T15:00:00+00:00",
        "assigned_by": str(organization.owner["id"]),
        "ended_at": None,
        "ended_by": None,
    }
    ids = ("id", "instructor_id", "student_id")
    assignments = [{**pair, **{name: str(uuid.uuid4()) for name in ids}} for _ in range(count)]
    event = said(organization, source="assignment", **more)
    return dataclasses.replace(event, name="assignment_created", data={"assignments": assignments})


def log_of(organization: Any, **filters: Any) -> list[dict[str, Any]]:
    """The newest entries, newest first."""
    arguments = {"limit": 200, **filters}
    answer = organization.service.call("list_audit", actor=organization.actor(), **arguments)
    return list(answer["items"])


def entries(organization: Any, count: int, **filters: Any) -> list[dict[str, Any]]:
    """The entries, newest first, as soon as there are `count` of them."""
    wait_until(lambda: len(log_of(organization, **filters)) >= count, 20)
    found = log_of(organization, **filters)
    assert len(found) == count
    return found


def exported(organization: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All entries in order, and the head."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["number"] if found else 0
        answer = organization.service.call("export_audit", actor=organization.actor(), after=after)
        if not answer["items"]:
            return found, answer["head"]
        found += answer["items"]


def assert_whole(organization: Any) -> None:
    """Checks the chain as an outsider would, without our code."""
    found, head = exported(organization)
    previous = ZEROS
    for number, entry in enumerate(found, 1):
        members = {key: value for key, value in entry.items() if key != "hash"}
        text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert entry["number"] == number
        assert entry["previous_hash"] == previous
        assert entry["hash"] == hashlib.sha256(text.encode()).hexdigest()
        previous = entry["hash"]
    assert head == {"number": len(found), "hash": previous}


def test_a_new_organizations_log_begins_with_it(organization: Any) -> None:
    owner = organization.owner["id"]
    found = {entry["action"]: entry for entry in entries(organization, 2)}
    assert found["organization.created"]["actor_id"] == owner
    assert found["organization.created"]["targets"] == [str(organization.id), owner]
    assert found["user.created"]["targets"] == [owner]
    assert_whole(organization)


def test_what_is_done_to_people_is_recorded_with_by_whom(organization: Any) -> None:
    call = organization.service.call
    admin = organization.actor(organization.add("admin"))
    student = organization.add("student", by=admin)
    changes = {"roles": ["student", "instructor"], "first_name": "Grace", "phone": "+49 30 1"}
    call("update_user", actor=admin, user_id=student["id"], changes=changes)
    call("archive_user", actor=admin, user_id=student["id"])
    call("restore_user", actor=admin, user_id=student["id"])
    found = entries(organization, 5, target_id=student["id"])
    assert {entry["actor_id"] for entry in found} == {str(admin.user_id)}
    details = {entry["action"]: entry["details"]["people"][0] for entry in found}
    me = student["id"]
    assert details == {
        "user.created": {"id": me, "roles": ["student"], "status": "invited"},
        "user.updated": {"id": me, "fields": ["first_name", "phone"]},
        "user.roles_changed": {
            "id": me,
            "before": ["student"],
            "after": ["instructor", "student"],
        },
        "user.archived": {"id": me, "roles": ["instructor", "student"], "status": "archived"},
        "user.restored": {"id": me, "roles": ["instructor", "student"], "status": "invited"},
    }
    assert_whole(organization)


def test_a_batch_makes_an_entry_for_each_kind_of_change(organization: Any) -> None:
    known = organization.add("student", external_id="s-1")
    people = [
        {"external_id": "s-1", "role": "instructor", "phone": "+49 30 2"},
        {"external_id": "s-2", "role": "student", "first_name": "B", "last_name": "C"},
        {"external_id": "s-3", "role": "student", "first_name": "D", "last_name": "E"},
    ]
    organization.service.call("upsert_users", actor=organization.actor(), people=people)
    [changed] = entries(organization, 1, action="user.roles_changed")
    [updated] = entries(organization, 1, action="user.updated")
    created = entries(organization, 3, action="user.created")
    roles = {"before": ["student"], "after": ["instructor", "student"]}
    assert changed["details"]["people"] == [{"id": known["id"], **roles}]
    assert updated["details"]["people"] == [{"id": known["id"], "fields": ["phone"]}]
    assert sorted(len(entry["targets"]) for entry in created) == [1, 1, 2]


def test_an_organizations_settings_are_recorded_before_and_after(organization: Any) -> None:
    changes = {"conflict_policy": "warn", "students_may_book": "no"}
    organization.service.call("update_organization", actor=organization.actor(), changes=changes)
    [entry] = entries(organization, 1, action="organization.updated")
    changed = {"conflict_policy": {"before": "block", "after": "warn"}}
    assert entry["details"] == {"changes": changed}
    assert entry["targets"] == [str(organization.id)]


def test_no_entry_tells_a_name_or_an_address_of_e_mail(organization: Any) -> None:
    secret = f"{uuid.uuid4().hex}"
    person = organization.add("student", last_name=secret, email=f"{secret}@example.org")
    changes = {"first_name": secret, "username": secret}
    organization.service.call(
        "update_user", actor=organization.actor(), user_id=person["id"], changes=changes
    )
    entries(organization, 2, target_id=person["id"])
    assert secret not in json.dumps(exported(organization))


def test_other_services_events_are_recorded_once_each_whatever_comes_twice(
    organization: Any,
) -> None:
    entries(organization, 2)
    cause = {"actor_id": uuid.uuid4(), "address": "2001:db8::7"}
    event = assigned(organization, 500, **cause)
    overlap = said(organization, data={"targets": [str(uuid.uuid4())], "details": {"a": [1, "ü"]}})
    for each in (event, overlap, event, event, overlap):
        organization.service.publish_to_it(each)
    organization.service.publish_to_it(event)
    organization.service.publish_to_it(said(organization, "sign_out"))
    entries(organization, 1, action="sign_out")
    [entry] = entries(organization, 1, action="assignment.created")
    assert entry["actor_id"] == str(cause["actor_id"])
    assert entry["address"] == "2001:db8::7"
    assert len(entry["details"]["pairs"]) == 500
    assert len(entry["targets"]) == 1000
    [entry] = entries(organization, 1, action="session.overlap_allowed")
    assert entry["details"] == {"a": [1, "ü"]}
    assert_whole(organization)


def test_events_that_come_late_are_shown_by_when_they_happened(organization: Any) -> None:
    now = datetime.now(UTC) + timedelta(hours=1)
    for minutes in (3, 1, 2):
        event = said(
            organization, f"minute.m{'i' * minutes}", time=now + timedelta(minutes=minutes)
        )
        organization.service.publish_to_it(event)
        entries(organization, 1, action=event.data["action"])
    shown = [entry["action"] for entry in log_of(organization)]
    assert shown[:3] == ["minute.miii", "minute.mii", "minute.mi"]
    assert_whole(organization)


def test_the_log_is_filtered_and_paged(organization: Any) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    for number in range(12):
        who = {"actor_id": one if number % 2 else other, "targets": [one if number < 6 else other]}
        moment = start + timedelta(minutes=number // 2)
        organization.service.publish_to_it(said(organization, "sign_out", data=who, time=moment))
    everything = entries(organization, 12, action="sign_out")
    assert len(log_of(organization, actor_id=one)) == 6
    assert len(log_of(organization, target_id=other)) == 6
    assert len(log_of(organization, actor_id=one, target_id=one, action="sign_out")) == 3
    between = {"from": start.isoformat(), "to": (start + timedelta(minutes=2)).isoformat()}
    assert len(log_of(organization, **between)) == 4
    assert log_of(organization, action="sign_in.failed") == []
    paged, cursor = [], None
    while True:
        answer = organization.service.call(
            "list_audit", actor=organization.actor(), action="sign_out", limit=5, cursor=cursor
        )
        paged += answer["items"]
        if (cursor := answer["next_cursor"]) is None:
            break
    assert paged == everything


def test_a_page_of_large_entries_ends_early_and_goes_on(organization: Any) -> None:
    for _ in range(25):
        organization.service.publish_to_it(assigned(organization, 500))
    wait_until(lambda: exported(organization)[1]["number"] == 27, 30)
    answer = organization.service.call("list_audit", actor=organization.actor(), limit=200)
    assert 1 <= len(answer["items"]) < 27
    more = organization.service.call(
        "list_audit", actor=organization.actor(), limit=200, cursor=answer["next_cursor"]
    )
    assert more["items"][0]["number"] < answer["items"][-1]["number"]
    assert_whole(organization)


@pytest.mark.parametrize("roles", [["admin"], ["admin", "instructor"], ["instructor"], ["student"]])
@pytest.mark.parametrize("method", ["list_audit", "export_audit"])
def test_the_log_is_for_owners_only(organization: Any, method: str, roles: list[str]) -> None:
    with pytest.raises(Forbidden) as refused:
        organization.service.call(method, actor=organization.actor(organization.add(*roles)))
    assert refused.value.code == "access.owner_only"


def test_an_owner_sees_no_other_organizations_log(
    organization: Any, other_organization: Any
) -> None:
    student = organization.add("student")
    entries(organization, 1, target_id=student["id"])
    assert log_of(other_organization, target_id=student["id"]) == []
    assert all(e["organization_id"] == str(organization.id) for e in log_of(organization))


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        *(("list_audit", "from", value) for value in ("yesterday", 5, "2030-01-01T00:00:00")),
        *(("list_audit", "to", value) for value in ("", [], "9999-01-01T00:00:00Z")),
        *(("list_audit", "action", value) for value in ("", "x" * 61, "a\0", 7)),
        *(("list_audit", "actor_id", value) for value in ("me", 7, [])),
        *(("list_audit", "target_id", value) for value in ("me", 7, {})),
        *(("list_audit", "limit", value) for value in (0, 201, "ten", True)),
        *(("list_audit", "cursor", value) for value in BAD_CURSORS),
        ("list_audit", "who", "me"),
        *(("export_audit", "after", value) for value in (-1, 2**63, "1", None)),
        *(("export_audit", "up_to", value) for value in (-1, 2**63, 0.5)),
    ],
)
def test_a_malformed_field_is_named(organization: Any, method: str, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        organization.service.call(method, actor=organization.actor(), **{field: value})
    assert [error.pointer for error in refused.value.errors] == [f"/{field}"]


def test_an_event_that_makes_no_sense_holds_nobody_up(organization: Any) -> None:
    entries(organization, 2)
    organization.service.publish_to_it(said(organization, data={"details": {"half": 0.5}}))
    organization.service.publish_to_it(said(organization, "sign_out"))
    [entry] = entries(organization, 1, action="sign_out")
    assert entry["number"] == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'nothing'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
        "UPDATE audit_heads SET number = 0 WHERE number > 0",
    ],
)
@pytest.mark.parametrize("role", ["admin", "owner", "application"])
def test_nobody_changes_the_log_by_the_way(organization: Any, statement: str, role: str) -> None:
    entries(organization, 2)
    database = organization.service.database
    url = database.superuser
    connection = psycopg2.connect(url if role == "admin" else getattr(database, role))
    scope = f"SELECT set_config('app.organization_id', '{organization.id}', true)"
    with connection, connection.cursor() as cursor, pytest.raises(psycopg2.Error) as refused:
        cursor.execute(f"{scope}; {statement}")
    assert refused.value.pgcode == "42501"
    connection.close()


@pytest.fixture
def two_processes(service: ServiceProcess) -> Iterator[None]:
    service.stop()
    service.start(copies=2)
    yield
    service.stop()
    service.start()


@pytest.mark.usefixtures("two_processes")
def test_two_processes_append_at_once_without_gaps_or_forks(organization: Any) -> None:
    entries(organization, 2)
    events = [said(organization, "sign_out") for _ in range(150)]
    events += [assigned(organization, 3) for _ in range(150)]
    for event in [*events, *events[::3]]:
        organization.service.publish_to_it(event)
    wait_until(lambda: exported(organization)[1]["number"] >= 302, 30)
    assert_whole(organization)
    assert len(exported(organization)[0]) == 302


def test_a_kill_loses_no_entry_and_makes_none_twice(organization: Any) -> None:
    entries(organization, 2)
    for number in range(60):
        organization.service.publish_to_it(said(organization, "sign_out"))
        if number == 40:
            organization.service.kill()
            organization.service.start()
    wait_until(lambda: exported(organization)[1]["number"] >= 62, 30)
    assert_whole(organization)
    assert len(exported(organization)[0]) == 62
