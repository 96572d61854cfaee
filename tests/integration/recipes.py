"""How to reach every operation of the API with real data: an organization that has something of everything.

A recipe makes what its request uses up (a person to archive, a plan to apply) only for callers who are to succeed.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.testing import wait_until
from gateway.access import CALLERS

from .client import PASSWORD, Answer, Api, Organization, Person, expect, session, sign_in, sign_up

NOBODY, FOREIGN, STUDENT, UNASSIGNED, ASSIGNED, ADMIN, OWNER = CALLERS
CSV = "role,first_name,last_name,email\nstudent,Sam,Sum,sam.{}@example.org\n"
_hours = itertools.count()


@dataclass
class World:
    """An organization with a pair, an unassigned instructor, an admin, and what belongs to the pair."""

    organization: Organization
    foreign: Organization
    people: Mapping[str, Person] = field(init=False)
    stranger: Person = field(init=False)
    conversation_id: str = field(init=False)
    message_id: str = field(init=False)
    session_id: str = field(init=False)
    planned_id: str = field(init=False)
    finished_id: str = field(init=False)

    def __post_init__(self) -> None:
        own = self.organization
        expect(200, own.admin.patch("/organization", {"students_may_book": "request"}))
        instructor, student = own.assigned_pair(can_sign_in=True)
        self.people = {
            FOREIGN: self.foreign.add_person("admin", can_sign_in=True),
            STUDENT: student,
            UNASSIGNED: own.add_instructor(can_sign_in=True),
            ASSIGNED: instructor,
            ADMIN: own.add_person("admin", can_sign_in=True),
            OWNER: own.owner,
        }
        self.stranger = own.add_student()
        opened = instructor.api.post("/conversations", {"participant_id": student.id})
        self.conversation_id = expect(201, opened)["id"]
        self.message_id = self.write()
        self.session_id = self.request_session()
        self.planned_id, self.finished_id = self.plan(), self.plan()
        expect(202, own.admin.post(f"/imports/{self.finished_id}/apply"))
        own.wait_for_import(self.finished_id)

    @property
    def student(self) -> Person:
        return self.people[STUDENT]

    @property
    def instructor(self) -> Person:
        return self.people[ASSIGNED]

    @property
    def admin(self) -> Api:
        return self.organization.admin

    def api(self, caller: str) -> Api:
        """The API as that caller."""
        return self.people[caller].api if caller in self.people else Api(self.organization.url)

    def write(self) -> str:
        path = f"/conversations/{self.conversation_id}/messages"
        return str(expect(201, self.instructor.api.post(path, {"body": "Hello"}))["id"])

    def request_session(self) -> str:
        """A session that waits to be confirmed."""
        body = session(self.instructor, self.student, next(_hours))
        return str(expect(201, self.student.api.post("/sessions", body))["id"])

    def held_session(self) -> str:
        """A session that should have taken place."""
        start = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(hours=next(_hours))
        body = session(self.instructor, self.student, starts_at=start.isoformat())
        return str(expect(201, self.admin.post("/sessions", body))["id"])

    def plan(self) -> str:
        """An upload that is planned and not applied."""
        started = expect(202, self.admin.request("POST", "/imports", files=upload()))
        path = f"/imports/{started['id']}"
        wait_until(lambda: self.admin.get(path).body["status"] == "planned", 30, every=0.1)
        return str(started["id"])

    def pair(self) -> dict[str, str]:
        """The pair's ids."""
        return {"instructor_id": self.instructor.id, "student_id": self.student.id}

    def everything(self) -> list[Any]:
        """What its administrator sees: to compare with what was there before."""
        lists = ("/users", "/assignments", "/sessions", "/conversations")
        messages = self.admin.items(f"/conversations/{self.conversation_id}/messages")
        things = ["/organization", f"/imports/{self.planned_id}"]
        return [
            *(self.admin.items(path) for path in lists),
            messages,
            *(expect(200, self.admin.get(path)) for path in things),
        ]


@dataclass
class Attempt:
    """One caller who tries one operation."""

    world: World
    caller: str
    succeeds: bool

    def fresh_or(self, standing: str, make: Callable[[], str]) -> str:
        """A new thing for somebody who uses it up, else the one that is there."""
        return make() if self.succeeds else standing

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return self.world.api(self.caller).request(method, path, body, **more)

    @property
    def person(self) -> str:
        """Somebody invited, new for each success."""
        return self.fresh_or(
            self.world.stranger.id, lambda: self.world.organization.add_student().id
        )

    @property
    def session(self) -> str:
        """A requested session, new for each success."""
        return self.fresh_or(self.world.session_id, self.world.request_session)

    @property
    def held_session(self) -> str:
        return self.fresh_or(self.world.session_id, self.world.held_session)

    @property
    def plan(self) -> str:
        return self.fresh_or(self.world.planned_id, self.world.plan)


def upload() -> dict[str, Any]:
    return {"file": ("people.csv", CSV.format(uuid.uuid4().hex).encode(), "text/csv")}


def email() -> str:
    return f"new.{uuid.uuid4().hex}@example.org"


Recipe = Callable[[Attempt], Answer]


def simply(method: str, path: str, body: Any = None) -> Recipe:
    """A request that is the same for everybody; names in braces are attributes of the world."""
    return lambda a: a.send(method, path.format(w=a.world), body)


def sign_up_another(a: Attempt) -> Answer:
    names = {"first_name": "New", "last_name": "Owner"}
    owner = {**names, "email": email(), "password": PASSWORD}
    body = {"name": "Another", "time_zone": "Europe/Berlin", "owner": owner}
    return a.send("POST", "/organizations", body)


def log_in(a: Attempt) -> Answer:
    return a.send("POST", "/auth/login", {"login": a.world.student.email, "password": PASSWORD})


def refresh(a: Attempt) -> Answer:
    token = expect(200, log_in(a))["refresh_token"]
    return a.send("POST", "/auth/refresh", {"refresh_token": token})


def log_out(a: Attempt) -> Answer:
    """With a login of its own: the others go on."""
    if a.caller == NOBODY:
        return a.send("POST", "/auth/logout")
    person = a.world.people[a.caller]
    return sign_in(person.organization.url, person.email).post("/auth/logout")


def open_link(a: Attempt, path: str) -> Answer:
    return a.send("POST", path, {"token": "made-up", "password": PASSWORD})  # nosec B105 # made up for a test


def create_user(a: Attempt) -> Answer:
    names = {"first_name": "New", "last_name": "Student"}
    body = {"roles": ["student"], **names, "email": email(), "send_invitation": False}
    return a.send("POST", "/users", body)


def erase(a: Attempt) -> Answer:
    user_id = a.person
    user = expect(200, a.world.organization.admin.get(f"/users/{user_id}"))
    confirm = {"confirm": f"{user['first_name']} {user['last_name']}"}
    return a.send("POST", f"/users/{user_id}/erase", confirm)


def end(a: Attempt) -> Answer:
    def assigned() -> str:
        student = a.world.organization.add_student()
        a.world.organization.assign(a.world.instructor, student)
        return student.id

    student_id = a.fresh_or(a.world.student.id, assigned)
    return a.send("DELETE", f"/students/{student_id}/instructors/{a.world.instructor.id}")


def batch(a: Attempt) -> Answer:
    return a.send("POST", "/assignments/batch", {"operation": "assign", "pairs": [a.world.pair()]})


def book(a: Attempt) -> Answer:
    """Instructors book themselves; so does the one who is not assigned."""
    instructor = a.world.people[a.caller if a.caller == UNASSIGNED else ASSIGNED]
    return a.send("POST", "/sessions", session(instructor, a.world.student, next(_hours)))


def open_conversation(a: Attempt) -> Answer:
    other = a.world.instructor if a.caller == STUDENT else a.world.student
    return a.send("POST", "/conversations", {"participant_id": other.id})


def create_import(a: Attempt) -> Answer:
    return a.send("POST", "/imports", files=upload())


RECIPES: dict[str, Recipe] = {
    "POST /organizations": sign_up_another,
    "POST /auth/login": log_in,
    "POST /auth/refresh": refresh,
    "POST /auth/logout": log_out,
    "POST /auth/accept-invitation": lambda a: open_link(a, "/auth/accept-invitation"),
    "POST /auth/forgot-password": simply("POST", "/auth/forgot-password", {"login": "nobody"}),
    "POST /auth/reset-password": lambda a: open_link(a, "/auth/reset-password"),
    "GET /me": simply("GET", "/me"),
    "PATCH /me": simply("PATCH", "/me", {"time_zone": "Europe/Berlin"}),
    "GET /organization": simply("GET", "/organization"),
    "PATCH /organization": simply("PATCH", "/organization", {"conflict_policy": "warn"}),
    "POST /users": create_user,
    "GET /users": simply("GET", "/users?limit=200"),
    "GET /users/{user_id}": simply("GET", "/users/{w.student.id}"),
    "PATCH /users/{user_id}": lambda a: a.send("PATCH", f"/users/{a.person}", {"phone": "1"}),
    "POST /users/{user_id}/archive": lambda a: a.send("POST", f"/users/{a.person}/archive"),
    "POST /users/{user_id}/restore": lambda a: a.send("POST", f"/users/{a.person}/restore"),
    "GET /users/{user_id}/export": simply("GET", "/users/{w.student.id}/export"),
    "POST /users/{user_id}/erase": erase,
    "GET /me/export": simply("GET", "/me/export"),
    "POST /users/{user_id}/invite": lambda a: a.send("POST", f"/users/{a.person}/invite"),
    "POST /users/invitations": lambda a: a.send(
        "POST", "/users/invitations", {"user_ids": [a.world.stranger.id]}
    ),
    "PUT /students/{student_id}/instructors/{instructor_id}": simply(
        "PUT", "/students/{w.student.id}/instructors/{w.instructor.id}"
    ),
    "DELETE /students/{student_id}/instructors/{instructor_id}": end,
    "POST /assignments/batch": batch,
    "GET /assignments": simply("GET", "/assignments?limit=200"),
    "GET /assignments/explain": lambda a: a.send(
        "GET", "/assignments/explain", params=a.world.pair()
    ),
    "GET /students/{student_id}/instructors": simply("GET", "/students/{w.student.id}/instructors"),
    "GET /instructors/{instructor_id}/students": simply(
        "GET", "/instructors/{w.instructor.id}/students"
    ),
    "POST /sessions": book,
    "GET /sessions": simply("GET", "/sessions?limit=200"),
    "GET /sessions/{session_id}": simply("GET", "/sessions/{w.session_id}"),
    "PATCH /sessions/{session_id}": lambda a: a.send(
        "PATCH", f"/sessions/{a.session}", {"title": "Changed"}
    ),
    "POST /sessions/{session_id}/confirm": lambda a: a.send(
        "POST", f"/sessions/{a.session}/confirm"
    ),
    "POST /sessions/{session_id}/decline": lambda a: a.send(
        "POST", f"/sessions/{a.session}/decline"
    ),
    "POST /sessions/{session_id}/cancel": lambda a: a.send("POST", f"/sessions/{a.session}/cancel"),
    "POST /sessions/{session_id}/complete": lambda a: a.send(
        "POST", f"/sessions/{a.held_session}/complete"
    ),
    "POST /sessions/{session_id}/missed": lambda a: a.send(
        "POST", f"/sessions/{a.held_session}/missed"
    ),
    "POST /conversations": open_conversation,
    "GET /conversations": simply("GET", "/conversations?limit=200"),
    "GET /conversations/{conversation_id}": simply("GET", "/conversations/{w.conversation_id}"),
    "GET /conversations/{conversation_id}/messages": simply(
        "GET", "/conversations/{w.conversation_id}/messages"
    ),
    "POST /conversations/{conversation_id}/messages": simply(
        "POST", "/conversations/{w.conversation_id}/messages", {"body": "Hello again"}
    ),
    "POST /conversations/{conversation_id}/read": lambda a: a.send(
        "POST",
        f"/conversations/{a.world.conversation_id}/read",
        {"message_id": a.world.message_id},
    ),
    "POST /imports": create_import,
    "GET /imports/template.csv": simply("GET", "/imports/template.csv"),
    "GET /imports/{import_id}": simply("GET", "/imports/{w.planned_id}"),
    "GET /imports/{import_id}/rows": simply("GET", "/imports/{w.planned_id}/rows"),
    "POST /imports/{import_id}/apply": lambda a: a.send("POST", f"/imports/{a.plan}/apply"),
    "POST /imports/{import_id}/cancel": lambda a: a.send("POST", f"/imports/{a.plan}/cancel"),
    "GET /imports/{import_id}/report.csv": simply("GET", "/imports/{w.finished_id}/report.csv"),
    "GET /audit": simply("GET", "/audit"),
    "GET /audit/export": simply("GET", "/audit/export"),
}

# What says the ids again that the caller gave, known or not.
ECHOES = {"POST /assignments/batch"}

# Where even who may comes to nothing with what the recipe has: the answer that shows that the operation was reached.
REACHED = {
    "POST /auth/accept-invitation": "identity.bad_link",
    "POST /auth/reset-password": "identity.bad_link",
}


def new_world(url: str) -> World:
    """Two organizations; the second knows nothing of the first."""
    return World(sign_up(url), sign_up(url))
