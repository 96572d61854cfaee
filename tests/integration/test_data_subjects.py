"""One person's data over the whole system: handed out complete, and erased until no database knows the person."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from chassis.testing import wait_until

from .client import BASE, PASSWORD, Organization, Person, expect, session, sign_up
from .system import SERVICES, RunningSystem

# In the text of a whole row; bytes are there in hexadecimal. Every row is read once, whatever the number of words.
IN_TABLE = """
    (WITH rows AS MATERIALIZED (SELECT row::text AS said, lower(row::text) AS lowered FROM "{0}" AS row)
     SELECT DISTINCT word, '{0}'
       FROM rows, unnest(%(words)s) AS word
      WHERE strpos(lowered, word) > 0 OR strpos(said, encode(convert_to(word, 'UTF8'), 'hex')) > 0)
"""


@dataclass
class Subject:
    """A student with something of everything, and whoever shares it."""

    organization: Organization
    student: Person
    instructor: Person
    unique: str
    conversation_id: str = ""
    session_id: str = ""
    import_id: str = ""

    @property
    def names(self) -> dict[str, str]:
        """What nobody else in any test is called."""
        return names_of(self.unique)

    @property
    def full_name(self) -> str:
        """As it is shown."""
        return f"{self.names['first_name']} {self.names['last_name']}"

    @property
    def said(self) -> str:
        """What the person wrote to the instructor."""
        return f"Said by {self.unique}"

    @property
    def notes(self) -> str:
        """What was noted of a session."""
        return f"Notes about {self.unique}"

    @property
    def words(self) -> list[str]:
        """What only this person can be told by, in lower case; each has the letters that are the person's own."""
        return [word.lower() for word in (*self.names.values(), self.student.email, self.unique)]


def names_of(unique: str) -> dict[str, str]:
    """Names made of letters of the person's own."""
    return {"first_name": f"W{unique}", "last_name": f"{unique}berger"}


@pytest.fixture
def subject(shared_system: RunningSystem) -> Subject:
    organization = sign_up(shared_system.url)
    unique = "".join(random.choices("bcdfghjklmnpqrstvwxz", k=10))  # nosec B311 # a name, no secret
    email, username = f"one.{unique}@example.org", f"{unique}chen"
    names, phone = names_of(unique), f"+1 {unique}"
    instructor = organization.add_instructor(can_sign_in=True)
    student = organization.add_student(
        can_sign_in=True, email=email, username=username, phone=phone, **names
    )
    organization.assign(instructor, student)
    found = Subject(organization, student, instructor, unique)
    words = {"title": f"With {names['first_name']}", "notes": found.notes, "location": unique}
    body = session(instructor, student, 900, **words)
    found.session_id = expect(201, organization.admin.post("/sessions", body))["id"]
    opened = expect(201, student.api.post("/conversations", {"participant_id": instructor.id}))
    found.conversation_id = opened["id"]
    path = f"/conversations/{opened['id']}/messages"
    said = found.said
    for api, text in ((student.api, said), (instructor.api, "An answer"), (student.api, said)):
        expect(201, api.post(path, {"body": text}, headers={"Idempotency-Key": uuid.uuid4().hex}))
    upload = organization.upload(
        "role,first_name,last_name,email,phone,students\n"
        f"student,{names['first_name']},{names['last_name']},{email},{phone},\n"
        f"instructor,Another,Teacher,{uuid.uuid4().hex}@another.example.org,,{email}; {username}\n"
    )
    found.import_id = upload["id"]
    return found


def archive(url: str, path: str, token: str | None) -> dict[str, Any]:
    """An export's files, read."""
    answer = requests.get(
        url + BASE + path, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return read_archive(answer.content)


def read_archive(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        texts = {name: found.read(name).decode() for name in found.namelist()}
    return {
        name: json.loads(text) if name.endswith(".json") else text for name, text in texts.items()
    }


def test_an_export_holds_everything_for_the_person_and_for_an_owner(subject: Subject) -> None:
    organization, student = subject.organization, subject.student
    files = archive(organization.url, f"/users/{student.id}/export", organization.owner_token)
    own = archive(organization.url, "/me/export", student.api.token)
    assert set(own) == set(files)
    [profile] = files["identity/profile.json"]
    assert (profile["email"], profile["username"]) == (student.email, f"{subject.unique}chen")
    assert profile["organization"]["id"] == organization.id
    assert files["identity/sign_ins.json"]
    actions = {entry["action"] for entry in own["identity/audit.json"]}
    assert {"user.created", "user.exported"} <= actions
    [assignment, *_] = files["assignment/assignments.json"]
    assert (assignment["student_id"], assignment["status"]) == (student.id, "active")
    [lesson] = files["booking/sessions.json"]
    assert (lesson["id"], lesson["notes"]) == (subject.session_id, subject.notes)
    said = [(m["direction"], m["body"]) for m in files["messaging/messages.json"]]
    assert said == [("sent", subject.said), ("received", "An answer"), ("sent", subject.said)]
    [row] = files["import/uploaded_rows.json"]
    assert row["cells"]["email"] == student.email
    others = {person["id"]: person["first_name"] for person in files["people.json"]}
    assert others[subject.instructor.id] == "Instructor"
    assert "messaging/messages.json" in files["README.txt"]


def test_after_an_erasure_no_database_knows_the_person(
    shared_system: RunningSystem, subject: Subject
) -> None:
    organization, student = subject.organization, subject.student
    before = tables_with(shared_system, subject.words)
    for word, tables in before.items():
        assert tables, f"{word} was nowhere to begin with"
    everywhere = {name.partition(".")[0] for name in before[subject.unique]}
    assert everywhere >= set(SERVICES) - {"assignment"}
    erase(subject)
    wait_until(lambda: is_erased_everywhere(shared_system, student), 60)
    found = tables_with(shared_system, subject.words)
    assert found == {word: [] for word in subject.words}
    report = expect(200, organization.admin.get(f"/imports/{subject.import_id}/report.csv"))
    assert not [word for word in subject.words if word in report.lower()]
    assert "@another.example.org" in report


def erase(subject: Subject) -> Any:
    body = {"confirm": subject.full_name}
    path = f"/users/{subject.student.id}/erase"
    return expect(200, subject.organization.admin.post(path, body))


def is_erased_everywhere(system: RunningSystem, person: Person) -> bool:
    statement = "SELECT 1 FROM erased_people WHERE person_id = %s"
    is_noted = all(system.sql(service, statement, (person.id,)) for service in SERVICES)
    kept = system.sql("identity", "SELECT 1 FROM former_names WHERE user_id = %s", (person.id,))
    return is_noted and not kept


def tables_with(system: RunningSystem, words: list[str]) -> dict[str, list[str]]:
    """For each word every table of every database of which any row says it, bytes included."""
    found: dict[str, list[str]] = {word: [] for word in words}
    for service in SERVICES:
        tables = system.sql(
            service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        statement = " UNION ALL ".join(IN_TABLE.format(table) for (table,) in tables)
        for word, table in system.sql(service, statement, {"words": words}):
            found[word].append(f"{service}.{table}")
    return found


def test_others_still_read_their_history(shared_system: RunningSystem, subject: Subject) -> None:
    organization, student = subject.organization, subject.student
    erased = erase(subject)
    assert (erased["first_name"], erased["last_name"]) == ("Erased", "person")
    wait_until(lambda: is_erased_everywhere(shared_system, student), 60)
    teacher = subject.instructor.api
    messages = teacher.items(f"/conversations/{subject.conversation_id}/messages")
    assert [m["body"] for m in messages] == ["[erased]", "An answer", "[erased]"]
    assert [m["sender_id"] for m in messages[::2]] == [student.id, student.id]
    lesson = expect(200, teacher.get(f"/sessions/{subject.session_id}"))
    assert (lesson["status"], lesson["title"], lesson["notes"]) == ("cancelled", None, None)
    assert lesson["student_id"] == student.id
    assignments = organization.admin.items("/assignments", student_id=student.id)
    assert {item["status"] for item in assignments} == {"ended"}
    person = expect(200, organization.admin.get(f"/users/{student.id}"))
    assert (person["first_name"], person["email"]) == ("Erased", None)
    expect(403, teacher.post(f"/conversations/{subject.conversation_id}/messages", {"body": "Hi"}))


def test_nothing_brings_an_erased_person_back(
    shared_system: RunningSystem, subject: Subject
) -> None:
    organization, student = subject.organization, subject.student
    api = student.api
    erase(subject)
    wait_until(lambda: api.get("/me").status == 401, 2)
    login = {"login": student.email, "password": PASSWORD}
    assert organization.admin.post("/auth/login", login).status == 401
    restored = organization.admin.post(f"/users/{student.id}/restore")
    assert (restored.status, restored.code) == (409, "identity.erased")
    done = organization.upload(
        f"role,first_name,last_name,email\nstudent,Some,Body,{student.email}\n"
    )
    assert done["counts"]["create"] == 1
    [again] = organization.admin.items("/users", q=student.email)
    assert again["id"] != student.id


def test_operators_export_and_erase_by_command(
    shared_system: RunningSystem, subject: Subject, tmp_path: Path
) -> None:
    organization, student = subject.organization, subject.student
    ids = ["--organization", organization.id, "--user", student.id]
    output = tmp_path / "person.zip"
    done = command(shared_system, "export", *ids, "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert subject.said in str(read_archive(output.read_bytes())["messaging/messages.json"])
    refused = command(shared_system, "erase", *ids, "--confirm", "Somebody Else")
    assert refused.returncode == 1
    assert "identity.wrong_confirmation" in refused.stderr
    assert command(shared_system, "status", *ids).returncode == 1
    done = command(shared_system, "erase", *ids, "--confirm", subject.full_name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(SERVICES)
    assert expect(200, organization.admin.get(f"/users/{student.id}"))["erased_at"]


def command(system: RunningSystem, *words: str) -> subprocess.CompletedProcess[str]:
    """As an operator types it, with the settings that bin/run wrote for that."""
    return subprocess.run(  # nosec B603 # our own words, without a shell
        [sys.executable, "-m", "gateway.data_subjects", *words],
        env={**os.environ, **system.settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
