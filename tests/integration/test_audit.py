"""The audit log of a whole organization: who did what to whom, when, from where; and that it holds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess  # nosec B404 # our own command, without a shell
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.testing import wait_until

from .client import PASSWORD, Api, Organization, Person, expect, session, sign_in
from .system import RunningSystem

HERE = "127.0.0.1"


def log_of(organization: Organization, **filters: str) -> list[dict[str, Any]]:
    """The entries, newest first."""
    return organization.admin.items("/audit", limit="200", **filters)


def entry(organization: Organization, action: str, **filters: str) -> dict[str, Any]:
    """The newest entry of an action, as soon as there is one."""
    found = wait_until(lambda: log_of(organization, action=action, **filters), 20, every=0.1)
    newest: dict[str, Any] = found[0]
    return newest


def tells(
    found: dict[str, Any], who: Person | None, whom: list[str], began: datetime
) -> dict[str, Any]:
    """Checks who, whom, when and from where; returns the details."""
    assert found["actor_id"] == (who.id if who else None)
    assert set(whom) <= set(found["targets"])
    assert began <= datetime.fromisoformat(found["at"]) <= datetime.now(UTC) + timedelta(seconds=5)
    assert found["address"] == HERE
    details: dict[str, Any] = found["details"]
    return details


@pytest.fixture
def began() -> datetime:
    """When the test began, at the latest."""
    return datetime.now(UTC) - timedelta(seconds=1)


def test_the_log_says_who_signed_in_and_out_and_who_was_refused(
    organization: Organization, began: datetime
) -> None:
    student = organization.add_student(can_sign_in=True)
    wrong = Api(organization.url).post(
        "/auth/login",
        {"login": student.email, "password": "wrong one"},  # nosec B105 # made up for a test
    )
    assert wrong.status == 401
    assert student.api.token
    expect(204, sign_in(organization.url, student.email).post("/auth/logout"))
    tells(entry(organization, "sign_in.failed"), None, [student.id], began)
    tells(
        entry(organization, "sign_in.succeeded", actor_id=student.id), student, [student.id], began
    )
    tells(entry(organization, "sign_out"), student, [student.id], began)
    assert_no_words(organization, [PASSWORD, "wrong one", "@example.org"])


def test_the_log_says_what_became_of_people_and_their_organization(
    organization: Organization, began: datetime
) -> None:
    owner = organization.owner
    instructor, student = organization.pair(can_sign_in=True)
    path = f"/users/{instructor.id}"
    expect(200, organization.admin.patch(path, {"roles": ["instructor", "admin"]}))
    details = tells(entry(organization, "user.roles_changed"), owner, [instructor.id], began)
    roles = {"before": ["instructor"], "after": ["admin", "instructor"]}
    assert details == {"people": [{"id": instructor.id, **roles}]}
    expect(200, organization.admin.patch(path, {"roles": ["instructor"]}))
    expect(200, organization.admin.patch("/organization", {"conflict_policy": "warn"}))
    changes = {"conflict_policy": {"before": "block", "after": "warn"}}
    found = entry(organization, "organization.updated")
    assert tells(found, owner, [organization.id], began) == {"changes": changes}
    expect(200, organization.admin.post(f"/users/{student.id}/archive"))
    tells(entry(organization, "user.archived"), owner, [student.id], began)
    assert_no_words(organization, [PASSWORD, "@example.org"])


def test_the_log_names_the_administrator_whose_booking_assigned_the_pair_and_overlapped(
    organization: Organization, began: datetime
) -> None:
    admin = organization.add_person("admin", can_sign_in=True)
    instructor, student = organization.pair()
    people = [instructor.id, student.id]
    expect(200, organization.admin.patch("/organization", {"conflict_policy": "warn"}))
    booked = expect(201, admin.api.post("/sessions", session(instructor, student)))
    details = tells(entry(organization, "assignment.created"), admin, people, began)
    pair = {"instructor_id": instructor.id, "student_id": student.id}
    assert details == {"pairs": [{**pair, "source": "booking"}]}
    form = session(instructor, student, allow_overlap=True)
    second = expect(201, admin.api.post("/sessions", form))
    found = entry(organization, "session.overlap_allowed")
    details = tells(found, admin, [second["id"], *people], began)
    assert {one["id"] for one in details["overlapped"]} == {booked["id"]}
    organization.end(instructor, student)
    details = tells(entry(organization, "assignment.ended"), organization.owner, people, began)
    assert details["future_sessions"] == "keep"
    assert_no_words(organization, [PASSWORD, "@example.org"])


def test_the_log_says_which_administrator_read_what_two_write_each_other(
    organization: Organization, began: datetime
) -> None:
    admin = organization.add_person("admin", can_sign_in=True)
    instructor, student = organization.assigned_pair(can_sign_in=True)
    opened = expect(201, student.api.post("/conversations", {"participant_id": instructor.id}))
    conversation = f"/conversations/{opened['id']}/messages"
    expect(201, student.api.post(conversation, {"body": "Between us"}))
    expect(200, admin.api.get(conversation))
    found = entry(organization, "conversation.read_by_admin")
    whom = [opened["id"], instructor.id, student.id]
    assert tells(found, admin, whom, began) == {"shown": "messages"}
    assert_no_words(organization, [PASSWORD, "Between us", "@example.org"])


def test_the_log_says_on_whose_behalf_a_file_was_applied(
    organization: Organization, began: datetime
) -> None:
    owner = organization.owner
    text = f"role,first_name,last_name,email\nstudent,Una,New,una.{organization.slug}@example.org\n"
    done = organization.upload(text)
    details = tells(entry(organization, "import.applied"), owner, [done["id"]], began)
    assert details["counts"]["create"] == 1
    added = wait_until(lambda: of_source(organization, owner), 20, every=0.1)
    assert tells(added, owner, [], began)["people"][0]["roles"] == ["student"]
    assert_no_words(organization, [PASSWORD, "Una", "@example.org"])


def of_source(organization: Organization, owner: Person) -> Any:
    """The entry of the person whom the file added: the newest that was created."""
    for newest in log_of(organization, action="user.created", actor_id=owner.id)[:1]:
        return newest if newest["details"]["people"][0]["status"] == "invited" else None
    return None


def assert_no_words(organization: Organization, words: list[str]) -> None:
    """Entries hold ids and facts only."""
    text = json.dumps(log_of(organization))
    assert [word for word in words if word in text] == []


def test_only_owners_see_it(organization: Organization) -> None:
    for role in ("admin", "instructor", "student"):
        person = organization.add_person(role, can_sign_in=True)
        for path in ("/audit", "/audit/export"):
            assert person.api.get(path).code == "access.role_required"
    assert Api(organization.url).get("/audit").status == 401


def test_bad_filters_name_their_parameter(organization: Organization) -> None:
    for name, value in (
        ("from", "yesterday"),
        ("to", "\0"),
        ("action", "x" * 61),
        ("actor_id", "me"),
        ("target_id", "' OR true"),
        ("limit", "0"),
        ("cursor", "W10"),
        ("who", "me"),
    ):
        answer = organization.admin.get("/audit", params={name: value})
        assert (answer.status, answer.pointers) == (422, [f"/{name}"])


def settled_export(organization: Organization) -> list[str]:
    """The lines of an export in which all that happened until now has arrived."""
    student = organization.add_student()
    entry(organization, "user.created", target_id=student.id)
    return str(expect(200, organization.admin.get("/audit/export"))).splitlines()


def test_an_export_is_checked_without_our_code(organization: Organization) -> None:
    organization.assigned_pair()
    entry(organization, "assignment.created")
    lines = [json.loads(line) for line in settled_export(organization)]
    head, previous = lines.pop()["head"], "0" * 64
    for number, line in enumerate(lines, 1):
        members = {name: value for name, value in line.items() if name != "hash"}
        text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert line["number"] == number
        assert line["previous_hash"] == previous
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert line["hash"] == previous
        assert line["organization_id"] == organization.id
    assert head == {"number": len(lines), "hash": previous}


def audit(system: RunningSystem, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The operator's command, with the address that docs/operations.md says."""
    return subprocess.run(  # nosec B603 # our own words, without a shell
        [sys.executable, "-m", "identity_service", "audit", *arguments],
        env={**os.environ, "DATABASE_URL": system.database_url("identity")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_operator_checks_what_is_stored_and_what_was_exported(
    organization: Organization, system: RunningSystem, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(settled_export(organization)) + "\n")
    exported = audit(system, "verify", "--file", str(file))
    assert exported.returncode == 0, exported.stdout + exported.stderr
    anchor = exported.stdout.split()[-1]
    stored = audit(system, "verify", "--organization", organization.slug, "--anchor", anchor)
    assert stored.returncode == 0, stored.stdout + stored.stderr
    assert stored.stdout.startswith(f"{organization.slug}: whole, ")
    file.write_text(file.read_text().replace('"admin"', '"owner"').replace('"student"', '"admin"'))
    changed = audit(system, "verify", "--file", str(file))
    assert changed.returncode == 1
    assert "BROKEN, entry" in changed.stdout


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_changed_over_http(organization: Organization, method: str) -> None:
    assert organization.admin.request(method, "/audit").status == 405
