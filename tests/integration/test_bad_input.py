"""Whatever a client sends, it is told what is wrong: 4xx with the field named, never 500, nothing half-stored."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .client import Answer, Api, Organization, Person, expect, session, sign_up
from .openapi import Call, documented_calls
from .system import RunningSystem

HUGE = "x" * 2_000_000
NUL = "a\x00b"


@pytest.fixture(scope="module")
def home(shared_system: RunningSystem) -> Organization:
    """The organization that all the nonsense is sent to."""
    return sign_up(shared_system.url)


@pytest.fixture(scope="module")
def pair(home: Organization) -> tuple[Person, Person]:
    """Somebody to book."""
    return home.assigned_pair(can_sign_in=True)


def people_fields(value: dict[str, Any]) -> dict[str, Any]:
    """A student's form."""
    email = f"bad.{uuid.uuid4().hex}@example.org"
    form = {"roles": ["student"], "first_name": "Bad", "last_name": "Input", "email": email}
    return form | value


WRONG_PEOPLE: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "/surprise"),
    ({"is_admin": True}, "/is_admin"),
    ({"first_name": 7}, "/first_name"),
    ({"first_name": None}, "/first_name"),
    ({"first_name": ""}, "/first_name"),
    ({"first_name": NUL}, "/first_name"),
    ({"first_name": "x" * 5_000}, "/first_name"),
    ({"first_name": ["x"]}, "/first_name"),
    ({"email": "no address"}, "/email"),
    ({"email": NUL + "@example.org"}, "/email"),
    ({"roles": "student"}, "/roles"),
    ({"roles": []}, "/roles"),
    ({"roles": ["king"]}, "/roles/0"),
    ({"roles": [1]}, "/roles/0"),
    ({"time_zone": "Mars/Olympus"}, "/time_zone"),
    ({"time_zone": "../../etc/passwd"}, "/time_zone"),
    ({"time_zone": 3}, "/time_zone"),
    ({"password": "short"}, "/password"),  # nosec B105 # made up for a test
    ({"instructor_ids": "all"}, "/instructor_ids"),
    ({"instructor_ids": ["not an id"]}, "/instructor_ids/0"),
    ({"instructor_ids": [None]}, "/instructor_ids/0"),
]

WRONG_SESSIONS: list[tuple[dict[str, Any], str]] = [
    ({"surprise": []}, "/surprise"),
    ({"instructor_id": "nobody"}, "/instructor_id"),
    ({"instructor_id": 5}, "/instructor_id"),
    ({"student_id": None}, "/student_id"),
    ({"starts_at": "tomorrow"}, "/starts_at"),
    ({"starts_at": "2031-02-30T10:00:00Z"}, "/starts_at"),
    ({"starts_at": "2031-13-01T10:00:00Z"}, "/starts_at"),
    ({"starts_at": "2031-01-01T25:00:00Z"}, "/starts_at"),
    ({"starts_at": 1_900_000_000}, "/starts_at"),
    ({"starts_at": None}, "/starts_at"),
    ({"starts_at": "99999-01-01T10:00:00Z"}, "/starts_at"),
    ({"duration_minutes": -60}, "/duration_minutes"),
    ({"duration_minutes": 0}, "/duration_minutes"),
    ({"duration_minutes": 4}, "/duration_minutes"),
    ({"duration_minutes": 721}, "/duration_minutes"),
    ({"duration_minutes": 10**30}, "/duration_minutes"),
    ({"duration_minutes": "60"}, "/duration_minutes"),
    ({"duration_minutes": 60.5}, "/duration_minutes"),
    ({"duration_minutes": True}, "/duration_minutes"),
    ({"time_zone": "Mars/Olympus"}, "/time_zone"),
    ({"time_zone": NUL}, "/time_zone"),
    ({"title": NUL}, "/title"),
    ({"title": {"a": 1}}, "/title"),
    ({"notes": "x" * 100_000}, "/notes"),
    ({"allow_overlap": "yes"}, "/allow_overlap"),
]

WRONG_MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "/surprise"),
    ({"body": ""}, "/body"),
    ({"body": "x" * 10_001}, "/body"),
    ({"body": NUL}, "/body"),
    ({"body": 3}, "/body"),
    ({"body": None}, "/body"),
]


def assert_names(answer: Answer, pointer: str) -> None:
    """422 with the field, or below it."""
    expect(422, answer)
    assert any(p == pointer or p.startswith(f"{pointer}/") for p in answer.pointers), answer.body


@pytest.mark.parametrize(("wrong", "pointer"), WRONG_PEOPLE, ids=str)
def test_a_person_with_a_wrong_field_is_refused_by_its_name(
    home: Organization, wrong: dict[str, Any], pointer: str
) -> None:
    assert_names(home.admin.post("/users", people_fields(wrong)), pointer)


@pytest.mark.parametrize(("wrong", "pointer"), WRONG_SESSIONS, ids=lambda value: str(value)[:60])
def test_a_session_with_a_wrong_field_is_refused_by_its_name(
    home: Organization, pair: tuple[Person, Person], wrong: dict[str, Any], pointer: str
) -> None:
    assert_names(home.admin.post("/sessions", session(*pair) | wrong), pointer)


@pytest.mark.parametrize(("wrong", "pointer"), WRONG_MESSAGES, ids=lambda value: str(value)[:60])
def test_a_message_with_a_wrong_field_is_refused_by_its_name(
    home: Organization, pair: tuple[Person, Person], wrong: dict[str, Any], pointer: str
) -> None:
    instructor, student = pair
    opened = instructor.api.post("/conversations", {"participant_id": student.id})
    path = f"/conversations/{expect((200, 201), opened)['id']}/messages"
    assert_names(instructor.api.post(path, {"body": "fine"} | wrong), pointer)


def test_nothing_of_all_that_was_stored(home: Organization) -> None:
    home.admin.get("/me")
    assert all(person["last_name"] != "Input" for person in home.admin.items("/users"))
    assert home.admin.items("/sessions") == []


BROKEN_BODIES: list[tuple[bytes, int]] = [
    (b"{", 400),
    (b"", 400),
    (b"\xff\xfe\x00", 400),
    (b"nonsense", 400),
    (b'{"first_name": "\\ud800"}', 400),  # half a character
    (b'{"a": NaN}', 400),
    (b"[" * 100_000, 400),
    (b'"text"', 422),
    (b"[]", 422),
    (b"null", 422),
    (b"17", 422),
    (b'{"first_name": "\xc3\x28"}', 400),
    (json.dumps({"first_name": HUGE}).encode(), 413),
]


@pytest.mark.parametrize(("body", "status"), BROKEN_BODIES, ids=lambda value: repr(value)[:30])
def test_a_body_that_is_no_json_object_is_refused(
    home: Organization, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = home.admin.request("POST", "/users", headers=headers, data=body)
    accepted = {400, 422} if status != 413 else {413, 422}
    assert answer.status in accepted, f"{answer.status} {answer.body}"


def calls_with_bodies(url: str) -> Iterator[Call]:
    """Every documented call that takes JSON."""
    return (call for call in documented_calls(url) if call.body_schema)


def test_every_call_with_a_body_refuses_fields_it_does_not_know(
    shared_system: RunningSystem, home: Organization, pair: tuple[Person, Person]
) -> None:
    ids = dict.fromkeys(
        ("user_id", "session_id", "conversation_id", "import_id"), home.owner.id
    ) | {"instructor_id": pair[0].id, "student_id": pair[1].id}
    checked = 0
    for call in calls_with_bodies(shared_system.url):
        path = call.path.format(**ids)
        answer = home.admin.request(call.method, path, {"surprise": 1})
        assert answer.status == 422, f"{call.name}: {answer.status} {answer.body}"
        assert "/surprise" in answer.pointers, f"{call.name}: {answer.body}"
        checked += 1
    assert checked > 8


WRONG_QUERIES = [
    "/users?limit=0",
    "/users?limit=201",
    "/users?limit=many",
    "/users?limit=99999999999999999999",
    "/users?cursor=nonsense",
    "/users?cursor=%00",
    "/users?role=king",
    "/users?status=asleep",
    "/users?q=%00",
    "/users?surprise=1",
    "/sessions?from=yesterday",
    "/sessions?instructor_id=me",
    "/sessions?cursor=bm9uc2Vuc2U",
    "/sessions?status=lost",
    "/assignments?student_id=1",
    "/assignments?cursor=%ff%fe",
    "/assignments/explain",
    "/assignments/explain?instructor_id=x&student_id=y",
    "/conversations?limit=-1",
]


@pytest.mark.parametrize("path", WRONG_QUERIES)
def test_a_wrong_query_is_refused_by_its_name(home: Organization, path: str) -> None:
    answer = home.admin.get(path)
    expect((400, 422), answer)
    parameter = path.partition("?")[2].partition("=")[0] or "instructor_id"
    assert any(parameter in pointer for pointer in answer.pointers), answer.body


WRONG_REQUESTS = [
    ("GET", "/nowhere", 404),
    ("GET", "/users/not-an-id", 404),
    ("DELETE", "/users", 405),
    ("POST", "/sessions/00000000-0000-4000-8000-000000000000/confirm", 404),
    ("GET", "/users/%00", 404),
    ("GET", "/students/%F0%9F%92%A9/instructors", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), WRONG_REQUESTS)
def test_the_frameworks_own_errors_are_problems_too(
    home: Organization, method: str, path: str, status: int
) -> None:
    expect(status, home.admin.request(method, path))


WRONG_TOKENS = ["", "x", "Bearer", "é", "x" * 9_000, "a b c", "../..", "%00"]


@pytest.mark.parametrize("token", WRONG_TOKENS, ids=lambda value: value[:12])
def test_a_token_that_is_none_is_refused(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()}
    answer = Api(url).get("/me", headers=headers)
    expect((400, 401, 431), answer)


WRONG_FILES = [
    (b"", "file"),
    (b"\x00\x01\x02\x03", "file"),
    (b"PK\x03\x04not really", "file"),
]


@pytest.mark.parametrize(("content", "name"), WRONG_FILES, ids=lambda value: repr(value)[:20])
def test_a_file_that_can_not_be_read_fails_with_a_reason(
    home: Organization, content: bytes, name: str
) -> None:
    files = {name: ("people.csv", content, "text/csv")}
    answer = home.admin.request("POST", "/imports", files=files, data={"apply": "true"})
    if answer.status == 202:
        ended = home.wait_for_import(answer.body["id"])
        assert ended["status"] == "failed" or ended["counts"]["create"] == 0
    else:
        expect((400, 413, 415, 422), answer)


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({"associations": "steal"}, "/associations"),
        ({"surprise": "1"}, "/surprise"),
        ({"apply": "perhaps"}, "/apply"),
    ],
)
def test_an_upload_with_a_wrong_field_is_refused_by_its_name(
    home: Organization, form: dict[str, str], pointer: str
) -> None:
    files = {"file": ("people.csv", b"role,email\n", "text/csv")}
    assert_names(home.admin.request("POST", "/imports", files=files, data=form), pointer)


def test_an_upload_without_a_file_is_refused_by_its_name(home: Organization) -> None:
    answer = home.admin.request("POST", "/imports", files={"x": ("", b"")}, data={"apply": "true"})
    expect((400, 422), answer)
    assert any("file" in pointer or "x" in pointer for pointer in answer.pointers)


def test_a_key_reused_with_another_body_is_refused(home: Organization) -> None:
    headers = {"Idempotency-Key": f"reused-{home.id}"}
    first = people_fields({"last_name": "Once"})
    made = expect(201, home.admin.post("/users", first, headers=headers))
    again = home.admin.post("/users", first, headers=headers)
    assert expect(201, again)["id"] == made["id"]
    assert again.headers["Idempotent-Replay"] == "true"
    other = home.admin.post("/users", first | {"first_name": "Other"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency.key_reused")


def test_a_stale_change_is_refused(home: Organization, pair: tuple[Person, Person]) -> None:
    path = f"/users/{pair[1].id}"
    etag = home.admin.get(path).headers["ETag"]
    expect(200, home.admin.patch(path, {"phone": "1"}, headers={"If-Match": etag}))
    expect(412, home.admin.patch(path, {"phone": "2"}, headers={"If-Match": etag}))
    assert expect(200, home.admin.get(path))["phone"] == "1"
