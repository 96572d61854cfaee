"""Organizations and people to measure with: over HTTP where few are needed, straight into the tables for the many."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from bench.http import Connection
from bench.rpc import actor_of
from bench.system import Measured
from chassis.context import Actor

PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who live for a minute # nosec B105
API = "/api/v1"

SEED_PARTICIPANTS = """
INSERT INTO participants (organization_id, id, is_instructor, is_student, is_archived, version)
SELECT '{organization}', md5('{organization} {kind}' || n)::uuid, {instructor}, {student}, false, 1
  FROM generate_series(1, {count}) AS n
"""
SEED_ASSIGNMENTS = """
INSERT INTO assignments (organization_id, id, instructor_id, student_id, source, assigned_at, assigned_by)
SELECT '{organization}', gen_random_uuid(), md5('{organization} i' || i)::uuid, md5('{organization} s' || s)::uuid,
       'import', now() - (i * {students} + s) * interval '1 millisecond', '{organization}'
  FROM generate_series(1, {instructors}) AS i, generate_series(1, {students}) AS s
"""
SEED_USERS = """
INSERT INTO users (organization_id, id, roles, first_name, last_name, email, time_zone, status)
SELECT '{organization}', gen_random_uuid(), ARRAY['student'],
       initcap(translate(substr(md5('f' || n % 5003), 1, 7), '0123456789', 'aeioulnrst')),
       initcap(translate(substr(md5('l' || n % 40009), 1, 9), '0123456789', 'aeioulnrst')),
       'person.' || n || '@example.org', 'UTC', 'invited'
  FROM generate_series(1, {count}) AS n
"""


@dataclass
class Organization:
    """One signed-up organization and its owner's connection, for preparing."""

    url: str
    id: str
    owner_id: str
    token: str
    api: Connection = field(repr=False)

    @property
    def owner(self) -> Actor:
        """The owner on the bus."""
        return actor_of(self.owner_id, self.id, "owner")

    def add(self, role: str, *, can_sign_in: bool = False) -> dict[str, Any]:
        """The created user; `token` is there if they are to sign in."""
        email = f"{role}.{uuid.uuid4().hex}@example.org"
        body = {"roles": [role], "first_name": role, "last_name": "Bench", "email": email}
        if not can_sign_in:
            user: dict[str, Any] = self.api.call("POST", f"{API}/users", body)
            return user
        user = self.api.call("POST", f"{API}/users", body | {"password": PASSWORD})
        login = {"login": email, "password": PASSWORD}
        user["token"] = self.api.call("POST", f"{API}/auth/login", login)["access_token"]
        return user

    def ids(self, role: str, count: int) -> list[str]:
        """New people's ids."""
        return [self.add(role)["id"] for _ in range(count)]

    def assign(self, instructor_id: str, student_id: str) -> None:
        """By hand."""
        self.api.call("PUT", f"{API}/students/{student_id}/instructors/{instructor_id}")


def sign_up(measured: Measured) -> Organization:
    """A fresh organization."""
    unique = uuid.uuid4().hex
    names = {"first_name": "Olivia", "last_name": "Bench"}
    owner = names | {"email": f"owner.{unique}@example.org", "password": PASSWORD}
    body = {"name": f"Bench {unique}", "time_zone": "UTC", "owner": owner}
    made = Connection(measured.url).call("POST", f"{API}/organizations", body)
    token = made["access_token"]
    return Organization(
        measured.url,
        made["organization"]["id"],
        made["user"]["id"],
        token,
        Connection(measured.url, token),
    )


def seed_assignments(measured: Measured, *, instructors: int, students: int) -> str:
    """Every student of a new organization assigned to every instructor; its id."""
    organization = str(uuid.uuid4())
    people = [("i", "true", "false", instructors), ("s", "false", "true", students)]
    statements = [
        SEED_PARTICIPANTS.format(
            organization=organization, kind=kind, instructor=i, student=s, count=count
        )
        for kind, i, s, count in people
    ]
    pairs = SEED_ASSIGNMENTS.format(
        organization=organization, instructors=instructors, students=students
    )
    measured.execute("assignment", *statements, pairs, "VACUUM ANALYZE assignments")
    return organization


def some_pairs(measured: Measured, organization: str, count: int) -> list[tuple[str, str]]:
    """Assigned pairs from all over the table."""
    rows = measured.rows(
        "assignment",
        f"""SELECT instructor_id::text, student_id::text FROM assignments
             WHERE organization_id = '{organization}' ORDER BY random() LIMIT {count}""",  # noqa: S608 - ids of our own # nosec B608
    )
    return [(row[0], row[1]) for row in rows]


def seed_users(measured: Measured, organization_id: str, count: int) -> list[str]:
    """People in an organization's tables; some of their names, to be searched for."""
    seed = SEED_USERS.format(organization=organization_id, count=count)
    measured.execute("identity", seed, "VACUUM ANALYZE users")
    rows = measured.rows(
        "identity",
        f"""SELECT first_name, last_name, email FROM users
             WHERE organization_id = '{organization_id}' ORDER BY random() LIMIT 300""",  # noqa: S608 - an id of our own # nosec B608
    )
    return [text for row in rows for text in row]
