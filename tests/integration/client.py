"""Tandem's HTTP API as the help article's people use it, so that tests read like the article.

Every answer that is no 2xx is checked, everywhere, to be a problem as API.md describes it. Every secret that is sent or
received is remembered, so that it can be sought in the logs: see `secrecy`.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import requests

from chassis.testing import wait_until

from .secrecy import SECRETS

PASSWORD = "correct horse battery staple"  # nosec B105 # made up for a test
BASE = "/api/v1"
LONGEST_WAIT = 30.0
_numbers = itertools.count()


@dataclass(frozen=True)
class Answer:
    """What the gateway said, and how long it took."""

    status: int
    body: Any
    headers: Mapping[str, str]
    seconds: float

    @property
    def code(self) -> str | None:
        """The stable code of a problem."""
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def pointers(self) -> list[str]:
        """The fields that a 422 names."""
        return [error["pointer"] for error in self.body.get("errors", [])]


class Api:
    """The API as one signed-in person, or nobody, sees it. One keep-alive connection; not for several threads."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self._connection = requests.Session()

    def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """Sends a request. A path that starts with `/` counts from /api/v1."""
        given = dict(headers or {})
        SECRETS.learn([json, {"access_token": self.token}])
        if self.token:
            given.setdefault("Authorization", f"Bearer {self.token}")
        began = time.monotonic()
        response = self._connection.request(
            method,
            self.url + (path if path.startswith(("/api", "/healthz", "/readyz")) else BASE + path),
            json=json,
            headers=given,
            timeout=LONGEST_WAIT,
            **more,
        )
        answer = Answer(
            response.status_code, body_of(response), response.headers, time.monotonic() - began
        )
        SECRETS.learn(answer.body)
        check_problem(method, path, answer)
        return answer

    def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        """POST."""
        return self.request("POST", path, json, **more)

    def put(self, path: str, json: Any = None, **more: Any) -> Answer:
        """PUT."""
        return self.request("PUT", path, json, **more)

    def patch(self, path: str, json: Any = None, **more: Any) -> Answer:
        """PATCH."""
        return self.request("PATCH", path, json, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, **more)

    def items(self, path: str, **more: Any) -> list[Any]:
        """A list's whole content, page by page."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            parameters = {**more, **({"cursor": cursor} if cursor else {})}
            page = expect(200, self.get(path, params=parameters))
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found


def body_of(response: requests.Response) -> Any:
    """Parsed JSON, else text; lines of JSON are text."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if kind in {"application/json", "application/problem+json"}:
        return response.json()
    return response.text


def check_problem(method: str, path: str, answer: Answer) -> None:
    """Every answer that is no success has the shape that API.md promises."""
    if answer.status < 400:
        return
    said = f"{method} {path} answered {answer.status} {answer.body}"
    assert answer.headers["Content-Type"].startswith("application/problem+json"), said
    assert {"type", "title", "status", "detail", "code"} <= set(answer.body), said
    assert answer.body["status"] == answer.status, said
    assert answer.status != 500, said
    if answer.status == 503:
        assert answer.headers.get("Retry-After"), said


def expect(status: int | Sequence[int], answer: Answer) -> Any:
    """The answer's body; fails with what was said if the status is another."""
    wanted = (status,) if isinstance(status, int) else status
    assert answer.status in wanted, f"{answer.status} instead of {status}: {answer.body}"
    return answer.body


@dataclass
class Person:
    """Somebody of an organization."""

    organization: Organization
    id: str
    email: str

    @cached_property
    def api(self) -> Api:
        """The API as this person, who signs in with the password that was given at creation."""
        return sign_in(self.organization.url, self.email)


def sign_in(url: str, login: str, password: str = PASSWORD) -> Api:
    """The API as the person behind `login`."""
    body = expect(200, Api(url).post("/auth/login", {"login": login, "password": password}))
    return Api(url, body["access_token"])


@dataclass
class Organization:
    """A fresh organization, seen by its owner."""

    url: str
    id: str
    slug: str
    owner: Person = field(init=False)
    owner_token: str
    refresh_token: str

    @property
    def admin(self) -> Api:
        """The API as the owner, on a connection of its own each time."""
        return Api(self.url, self.owner_token)

    def add_person(self, role: str, *, can_sign_in: bool = False, **fields: Any) -> Person:
        """Creates somebody; without a password unless they are to sign in."""
        number = next(_numbers)
        email = fields.pop("email", f"{role}.{number}.{uuid.uuid4().hex[:8]}@example.org")
        names = {"first_name": role.title(), "last_name": f"Number{number}"}
        if can_sign_in:
            fields["password"] = PASSWORD
        body = {"roles": [role], "email": email, **names, **fields}
        return Person(self, expect(201, self.admin.post("/users", body))["id"], email)

    def add_instructor(self, **more: Any) -> Person:
        """An instructor."""
        return self.add_person("instructor", **more)

    def add_student(self, *, instructors: Sequence[Person] = (), **more: Any) -> Person:
        """A student, with the instructors chosen during creation: way 1."""
        if instructors:
            more["instructor_ids"] = [instructor.id for instructor in instructors]
        return self.add_person("student", **more)

    def pair(self, *, can_sign_in: bool = False) -> tuple[Person, Person]:
        """An instructor and a student who have nothing to do with each other yet."""
        return (
            self.add_instructor(can_sign_in=can_sign_in),
            self.add_student(can_sign_in=can_sign_in),
        )

    def assigned_pair(self, *, can_sign_in: bool = False) -> tuple[Person, Person]:
        """An instructor and a student, assigned by hand: way 3."""
        instructor, student = self.pair(can_sign_in=can_sign_in)
        self.assign(instructor, student)
        return instructor, student

    def assign(self, instructor: Person, student: Person) -> Any:
        """On the Student Instructors page."""
        path = f"/students/{student.id}/instructors/{instructor.id}"
        return expect((200, 201), self.admin.put(path))

    def end(self, instructor: Person, student: Person) -> Any:
        """Takes the instructor off the student."""
        return expect(200, self.admin.delete(f"/students/{student.id}/instructors/{instructor.id}"))

    def instructors_of(self, student: Person) -> dict[str, str]:
        """The Student Instructors page: instructor id -> source."""
        rows = self.admin.items(f"/students/{student.id}/instructors")
        assert len({row["instructor"]["id"] for row in rows}) == len(rows), "assigned twice"
        return {row["instructor"]["id"]: row["source"] for row in rows}

    def is_allowed(self, instructor: Person, student: Person) -> bool:
        """What the assignment service says of the pair."""
        parameters = {"instructor_id": instructor.id, "student_id": student.id}
        body = expect(200, self.admin.get("/assignments/explain", params=parameters))
        return bool(body["allowed"])

    def upload(self, text: str, **form: str) -> Any:
        """The Multi-User Upload Tool: uploads, applies, waits, and answers the finished import."""
        files = {"file": ("people.csv", text.encode(), "text/csv")}
        data = {"apply": "true", **form}
        started = expect(202, self.admin.request("POST", "/imports", files=files, data=data))
        return self.wait_for_import(started["id"])

    def wait_for_import(self, import_id: str, seconds: float = 60.0) -> Any:
        """The import once nothing more happens to it."""

        def ended() -> Any:
            body = expect(200, self.admin.get(f"/imports/{import_id}"))
            return body if body["status"] in {"finished", "failed", "cancelled"} else None

        return wait_until(ended, seconds, every=0.1)


def sign_up(url: str, **fields: Any) -> Organization:
    """A new organization and its owner, who is signed in."""
    unique = uuid.uuid4().hex[:12]
    email = f"owner.{unique}@example.org"
    names = {"first_name": "Olivia", "last_name": "Owner"}
    body = {
        "name": f"Tutors {unique}",
        "time_zone": "America/New_York",
        "owner": {**names, "email": email, "password": PASSWORD},
        **fields,
    }
    answer = expect(201, Api(url).post("/organizations", body))
    organization = Organization(
        url,
        answer["organization"]["id"],
        answer["organization"]["slug"],
        answer["access_token"],
        answer["refresh_token"],
    )
    organization.owner = Person(organization, answer["user"]["id"], email)
    return organization


def hour(number: int) -> str:
    """The start of an hour that is far enough ahead; different numbers do not overlap."""
    start = datetime(2031, 3, 3, tzinfo=UTC) + timedelta(hours=number)
    return start.isoformat()


def session(instructor: Person, student: Person, number: int = 0, **more: Any) -> dict[str, Any]:
    """A booking form, filled in."""
    return {
        "instructor_id": instructor.id,
        "student_id": student.id,
        "starts_at": hour(number),
        "duration_minutes": 60,
        **more,
    }
