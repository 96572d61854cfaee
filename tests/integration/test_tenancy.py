"""What belongs to one organization is not there for another, whatever is asked, and however."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.testing import wait_until

from .client import Answer, Api, Organization, Person, expect, session, sign_up
from .layers import BOTH_LAYERS, FILTERS_ALONE, ROW_LEVEL_SECURITY_ALONE, on
from .openapi import Call, documented_calls
from .system import RunningSystem

# Each layer holds by itself.
pytestmark = on(BOTH_LAYERS, FILTERS_ALONE, ROW_LEVEL_SECURITY_ALONE)

LIST_PATHS = ("/users", "/assignments", "/sessions", "/conversations")


@dataclass
class Victim:
    """An organization with something of everything."""

    organization: Organization
    instructor: Person
    student: Person
    session_id: str
    conversation_id: str
    message_id: str
    import_id: str

    @property
    def ids(self) -> dict[str, str]:
        """For the names that stand in the API's paths."""
        return {
            "user_id": self.student.id,
            "student_id": self.student.id,
            "instructor_id": self.instructor.id,
            "session_id": self.session_id,
            "conversation_id": self.conversation_id,
            "import_id": self.import_id,
        }

    def snapshot(self) -> list[Any]:
        """All that its administrator sees."""
        admin = self.organization.admin
        lists = [admin.items(path) for path in LIST_PATHS]
        messages = admin.items(f"/conversations/{self.conversation_id}/messages")
        upload = admin.get(f"/imports/{self.import_id}").body
        return [*lists, messages, upload, admin.get("/organization").body]


@pytest.fixture(scope="module")
def victim(system: RunningSystem) -> Victim:
    """The one who must not be seen."""
    return new_victim(system.url)


def new_victim(url: str) -> Victim:
    """Creates something of everything."""
    organization = sign_up(url)
    instructor, student = organization.assigned_pair(can_sign_in=True)
    another = organization.add_student(instructors=[instructor])
    wait_until(lambda: organization.is_allowed(instructor, another), 5)
    expect(201, instructor.api.post("/conversations", {"participant_id": another.id}))
    for number in range(3):
        booked = organization.admin.post("/sessions", session(instructor, student, number))
        session_id = expect(201, booked)["id"]
    opened = instructor.api.post("/conversations", {"participant_id": student.id})
    conversation_id = expect(201, opened)["id"]
    path = f"/conversations/{conversation_id}/messages"
    for body in ("One", "Two", "Three"):
        message_id = expect(201, instructor.api.post(path, {"body": body}))["id"]
    upload = organization.upload(f"role,email\nstudent,new.{uuid.uuid4().hex}@example.org\n")
    return Victim(
        organization, instructor, student, session_id, conversation_id, message_id, upload["id"]
    )


@pytest.fixture(scope="module")
def stranger(system: RunningSystem) -> Organization:
    """Signed in elsewhere, with an instructor and a student of its own."""
    return sign_up(system.url)


def bodies(victim: Victim) -> dict[str, Any]:
    """A body that would do something, for each call that needs one to be understood."""
    return {
        "PATCH /users/{user_id}": {"first_name": "Stolen"},
        "POST /users/{user_id}/erase": {"confirm": "Stolen Stolen"},
        "PATCH /sessions/{session_id}": {"title": "Stolen"},
        "POST /sessions/{session_id}/cancel": {"reason": "stolen"},
        "POST /conversations/{conversation_id}/messages": {"body": "stolen"},
        "POST /conversations/{conversation_id}/read": {"message_id": victim.message_id},
    }


def test_no_documented_call_shows_or_changes_anything_by_its_path(
    system: RunningSystem, victim: Victim, stranger: Organization
) -> None:
    before = victim.snapshot()
    walked = [call for call in documented_calls(system.url) if call.path_parameters]
    assert len(walked) > 15
    for call in walked:
        answer = ask_for(call, victim, stranger.admin)
        assert answer.status == 404, f"{call.name}: {answer.status} {answer.body}"
    assert victim.snapshot() == before


def ask_for(call: Call, victim: Victim, api: Api) -> Answer:
    """The call with the victim's ids in its path."""
    path = call.path.format(**victim.ids)
    body = bodies(victim).get(call.name, {} if call.body_schema else None)
    return api.request(call.method, path, body)


def test_no_documented_call_with_an_id_in_its_path_answers_without_a_token(
    system: RunningSystem, victim: Victim, anybody: Api
) -> None:
    before = victim.snapshot()
    for call in documented_calls(system.url):
        if call.path_parameters:
            answer = ask_for(call, victim, anybody)
            assert answer.status == 401, f"{call.name}: {answer.status} {answer.body}"
    assert victim.snapshot() == before


def calls_with_foreign_ids(
    victim: Victim, own: tuple[Person, Person]
) -> Iterator[tuple[str, str, Any]]:
    """Ids in bodies and queries."""
    instructor, student = own
    email = f"own.{uuid.uuid4().hex}@example.org"
    names = {"roles": ["student"], "first_name": "Own", "last_name": "Student", "email": email}
    yield "POST", "/users", names | {"instructor_ids": [victim.instructor.id]}
    yield "POST", "/sessions", session(victim.instructor, student)
    yield "POST", "/sessions", session(instructor, victim.student)
    yield "POST", "/sessions", session(victim.instructor, victim.student, 400)
    yield "POST", "/conversations", {"participant_id": victim.student.id}
    yield "PUT", f"/students/{student.id}/instructors/{victim.instructor.id}", None
    yield "PUT", f"/students/{victim.student.id}/instructors/{instructor.id}", None


def test_foreign_ids_in_bodies_are_unknown_and_change_nothing(
    victim: Victim, stranger: Organization
) -> None:
    before = victim.snapshot()
    own = stranger.pair()
    mine = [stranger.admin.items(path) for path in LIST_PATHS]
    for method, path, body in calls_with_foreign_ids(victim, own):
        answer = stranger.admin.request(method, path, body)
        assert answer.status in {403, 404, 422}, f"{method} {path}: {answer.status} {answer.body}"
        assert victim.student.email not in str(answer.body)
    assert victim.snapshot() == before
    assert [stranger.admin.items(path) for path in LIST_PATHS] == mine


def test_a_batch_with_foreign_ids_assigns_nothing(victim: Victim, stranger: Organization) -> None:
    before = victim.snapshot()
    pair = {"instructor_id": victim.instructor.id, "student_id": victim.student.id}
    for operation in ("assign", "end"):
        body = {"pairs": [pair], "operation": operation}
        result = expect(200, stranger.admin.post("/assignments/batch", body))
        outcomes = {
            one["outcome"] for one in (result if isinstance(result, list) else result["results"])
        }
        assert not outcomes & {"assigned", "already_assigned", "ended"}
    assert victim.snapshot() == before


def test_foreign_ids_in_queries_find_nothing(victim: Victim, stranger: Organization) -> None:
    pair = {"instructor_id": victim.instructor.id, "student_id": victim.student.id}
    assert stranger.admin.items("/assignments", **pair) == []
    assert stranger.admin.items("/sessions", **pair) == []
    assert stranger.admin.items("/users", q=victim.student.email) == []
    explained = stranger.admin.get("/assignments/explain", params=pair)
    assert explained.status == 404 or not explained.body["allowed"]


@pytest.mark.parametrize("path", LIST_PATHS)
def test_a_foreign_cursor_shows_nothing(victim: Victim, stranger: Organization, path: str) -> None:
    theirs = {item["id"] for item in victim.organization.admin.items(path)}
    cursor = expect(200, victim.organization.admin.get(path, params={"limit": 1}))["next_cursor"]
    assert cursor is not None
    answer = stranger.admin.get(path, params={"cursor": cursor, "limit": 200})
    assert answer.status in {200, 400, 404, 422}
    shown = {item["id"] for item in answer.body.get("items", [])}
    assert not shown & theirs


def test_a_foreign_pages_cursor_of_messages_shows_nothing(
    victim: Victim, stranger: Organization
) -> None:
    path = f"/conversations/{victim.conversation_id}/messages"
    page = expect(200, victim.organization.admin.get(path, params={"limit": 1}))
    expect(404, stranger.admin.get(path, params={"cursor": page["next_cursor"]}))


def test_an_upload_never_touches_people_of_another_organization(
    victim: Victim, stranger: Organization
) -> None:
    before = victim.snapshot()
    stranger.upload(
        "role,email,first_name,last_name,instructors\n"
        f"student,{victim.student.email},Stolen,Stolen,{victim.instructor.email}\n"
    )
    assert victim.snapshot() == before


def test_within_an_organization_people_see_only_themselves_and_their_own(victim: Victim) -> None:
    organization = victim.organization
    other, _ = organization.assigned_pair(can_sign_in=True)
    expect(404, other.api.get(f"/users/{victim.student.id}"))
    expect(404, other.api.get(f"/sessions/{victim.session_id}"))
    expect(404, other.api.get(f"/conversations/{victim.conversation_id}/messages"))
    assert other.api.items("/sessions") == []
    assert other.api.items("/conversations") == []
    assert victim.student.id not in {person["id"] for person in other.api.items("/users")}


def test_a_signed_out_token_opens_nothing_within_a_second(url: str) -> None:
    organization = sign_up(url)
    admin = organization.admin
    expect(204, admin.post("/auth/logout"))
    wait_until(lambda: organization.admin.get("/me").status == 401, 1)
