"""The organizations that a crowd works in, signed up and filled while nothing is wrong yet."""

from __future__ import annotations

import random
import threading
from typing import Any

from chaos.clients.client import PASSWORD
from chaos.clients.wire import Call, Wire, change
from chaos.clients.world import Organization, Person

# Students of the first organization book by themselves, of the others they ask.
MAY_BOOK = ("yes", "request")
# Administrators of the first may not let sessions overlap, of the others they may.
POLICIES = ("block", "warn")


class NotSetUp(RuntimeError):
    """The system did not do what it must before anything can be tried."""


class Founder:
    """Signs up organizations over one connection."""

    def __init__(self, wire: Wire, rng: random.Random, stop: threading.Event) -> None:
        self._wire = wire
        self._rng = rng
        self._stop = stop

    def found(self, number: int, *, instructors: int, students: int) -> Organization:
        """An organization with an owner, an administrator and others, who are all signed in."""
        organization = self._sign_up()
        policy = {
            "students_may_book": MAY_BOOK[min(number, 1)],
            "conflict_policy": POLICIES[min(number, 1)],
        }
        self._do(organization, change("change_organization", "PATCH", "/organization", policy))
        organization.admins = [self._add(organization, "admin", 0)]
        organization.instructors = [
            self._add(organization, "instructor", n) for n in range(instructors)
        ]
        organization.students = [self._add(organization, "student", n) for n in range(students)]
        return organization

    def _sign_up(self) -> Organization:
        mark = f"mark{self._rng.getrandbits(32):08x}"
        # Two runs against one system with the same seed are two crowds.
        email = f"owner.{self._rng.getrandbits(32):08x}.{id(self):x}@example.org"
        owner = {"first_name": "Olivia", "last_name": mark, "email": email, "password": PASSWORD}
        body = {"name": f"Tutors {mark}", "time_zone": "America/New_York", "owner": owner}
        answer = self._do(None, change("sign_up", "POST", "/organizations", body))
        person = Person(answer["user"]["id"], email, "owner")
        person.sign_in(answer)
        return Organization(answer["organization"]["id"], mark, person)

    def _add(self, organization: Organization, role: str, number: int) -> Person:
        email = f"{role}.{number}.{organization.owner.email}"
        names = {"first_name": role.title(), "last_name": organization.text(str(number))}
        body = {"roles": [role], **names, "email": email, "password": PASSWORD}
        user = self._do(organization, change("create_person", "POST", "/users", body))
        person = Person(user["id"], email, role)
        credentials = {"login": email, "password": PASSWORD}
        login = change("log_in", "POST", "/auth/login", credentials)
        person.sign_in(self._do(organization, login))
        return person

    def _do(self, organization: Organization | None, call: Call) -> Any:
        answer, _ = self._wire.repeat(
            call,
            organization=organization.id if organization else "",
            token=lambda: organization.owner.access_token if organization else None,
            stop=self._stop,
            attempts=5,
        )
        if not answer.is_ok:
            raise NotSetUp(f"{call.operation}: {answer.status} {answer.body}")
        return answer.body
