"""Exporting and erasing one person's data."""

from __future__ import annotations

import io
import json
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from chassis.testing import keys
from gateway.testing import SERVICES, System, is_problem, pointers

NAMES = {"first_name": "Ada", "last_name": "Lovelace", "roles": ["student"]}


def page(file: str, items: list[Any], after: str | None) -> dict[str, Any]:
    return {"file": file, "about": f"About {file}.", "items": items, "next_cursor": after}


def everybody_answers(system: System, **pages: dict[str | None, Any]) -> None:
    """Each service has one empty section unless pages by cursor are given."""
    for service in SERVICES:
        known = pages.get(service, {None: page(f"of_{service}", [], None)})
        system.on(
            service, "export_person", lambda kwargs, _call, known=known: known[kwargs["cursor"]]
        )
    system.on(
        "identity",
        "get_users",
        lambda k, _call: {"items": [{"id": i, **NAMES} for i in k["user_ids"]]},
    )


def archive_in(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name: archive.read(name).decode()
            if name.endswith(".txt")
            else json.loads(archive.read(name))
            for name in archive.namelist()
        }


def test_an_owner_gets_everything_about_a_person_as_one_archive(system: System) -> None:
    _, token = system.sign_in("owner")
    user_id, other = str(uuid.uuid4()), str(uuid.uuid4())
    messages = [{"id": n, "sender_id": (user_id, other)[n % 2]} for n in range(3)]
    everybody_answers(
        system,
        identity={None: page("profile", [{"id": user_id, "organization": {"name": "Acme"}}], None)},
        messaging={
            None: page("conversations", [], "a"),
            "a": page("messages", messages[:2], "b"),
            "b": page("messages", messages[2:], None),
        },
    )
    answer = system.request("GET", f"/api/v1/users/{user_id}/export", token)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert f"person-{user_id}.zip" in answer.headers["Content-Disposition"]
    files = archive_in(answer.content)
    assert files["messaging/messages.json"] == messages
    assert files["messaging/conversations.json"] == []
    assert files["people.json"] == [{"id": other, **NAMES}]
    assert {f"{name}/of_{name}.json" for name in ("assignment", "booking", "import")} <= set(files)
    for words in ("Acme", user_id, "messaging/messages.json", "About messages."):
        assert words in files["README.txt"]


def test_people_get_their_own(system: System) -> None:
    person, token = system.sign_in("student")
    everybody_answers(system)
    assert archive_in(system.request("GET", "/api/v1/me/export", token).content)
    for service in SERVICES:
        [call] = system.calls(service, "export_person")
        assert call == {"user_id": str(person.user_id), "cursor": None}


@pytest.mark.parametrize("silent", SERVICES)
def test_there_is_no_half_archive(system: System, silent: str) -> None:
    _, token = system.sign_in("owner")
    everybody_answers(system)
    system.on(silent, "export_person", Unavailable("service.timeout", "No."))
    answer = system.request("GET", f"/api/v1/users/{uuid.uuid4()}/export", token)
    is_problem(answer, 503, "service.timeout")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("identity.unknown_user", "No."), 404),
        (Forbidden("access.owner_only", "No."), 403),
    ],
)
def test_what_identity_refuses_is_refused(system: System, error: Exception, status: int) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "export_person", error)
    answer = system.request("GET", f"/api/v1/users/{uuid.uuid4()}/export", token)
    is_problem(answer, status)


def test_twenty_thousand_messages_are_one_archive(system: System) -> None:
    _, token = system.sign_in("student")

    def messages(kwargs: dict[str, Any], _call: Any) -> dict[str, Any]:
        start = int(kwargs["cursor"] or 0)
        items = [{"number": start + n, "body": "Word " * 60} for n in range(200)]
        return page("messages", items, str(start + 200) if start + 200 < 20_000 else None)

    everybody_answers(system)
    system.on("messaging", "export_person", messages)
    answer = system.request("GET", "/api/v1/me/export", token)
    assert answer.status_code == 200
    found = archive_in(answer.content)["messaging/messages.json"]
    assert [item["number"] for item in found] == list(range(20_000))


def test_an_owner_erases_a_person_by_writing_their_name(system: System) -> None:
    _, token = system.sign_in("owner")
    user_id = str(uuid.uuid4())
    erased = {"id": user_id, "version": 4, "first_name": "Erased"}
    system.on("identity", "erase_user", erased)
    for service in ("assignment", "booking"):
        system.on(service, "refresh_participants", lambda _kwargs, _call: None)
    body = {"confirm": "Ada Lovelace"}
    answer = system.request("POST", f"/api/v1/users/{user_id}/erase", token, json=body)
    assert (answer.status_code, answer.headers["ETag"], answer.json()) == (200, '"4"', erased)
    assert system.calls("identity", "erase_user") == [{"user_id": user_id, **body}]
    assert system.calls("booking", "refresh_participants") == [{"user_ids": [user_id]}]


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
def test_others_do_not_erase(system: System, role: str) -> None:
    _, token = system.sign_in(role)
    body = {"confirm": "Ada Lovelace"}
    answer = system.request("POST", f"/api/v1/users/{uuid.uuid4()}/erase", token, json=body)
    is_problem(answer, 403, "access.role_required")
    assert system.calls("identity", "erase_user") == []


@pytest.mark.parametrize("body", [{}, {"confirm": "A", "sure": True}])
def test_what_confirms_must_be_there_and_nothing_else(system: System, body: Any) -> None:
    _, token = system.sign_in("owner")
    answer = system.request("POST", f"/api/v1/users/{uuid.uuid4()}/erase", token, json=body)
    assert pointers(is_problem(answer, 422)) == (["/sure"] if body else ["/confirm"])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid.field("/confirm", "No.", code="identity.wrong_confirmation"), 422),
        (Conflict("identity.own_account", "No."), 409),
    ],
)
def test_a_refused_erasure_says_why(system: System, error: Any, status: int) -> None:
    _, token = system.sign_in("owner")
    system.on("identity", "erase_user", error)
    answer = system.request(
        "POST", f"/api/v1/users/{uuid.uuid4()}/erase", token, json={"confirm": "A B"}
    )
    is_problem(answer, status, error.code)


@pytest.fixture
def ids(system: System) -> list[str]:
    everybody_answers(system)
    return ["--organization", str(uuid.uuid4()), "--user", str(uuid.uuid4())]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "gateway.data_subjects", *words]
    environment = {**os.environ, **keys.environment()}
    return subprocess.run(  # nosec B603 # our own words, without a shell
        arguments, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_operator_exports_into_a_file(ids: list[str], tmp_path: Path) -> None:
    output = tmp_path / "person.zip"
    done = command("export", *ids, "--output", str(output))
    assert (done.returncode, done.stdout.strip()) == (0, str(output)), done.stderr
    assert "README.txt" in archive_in(output.read_bytes())
    assert list(tmp_path.iterdir()) == [output]


def test_a_failed_export_leaves_no_file(system: System, ids: list[str], tmp_path: Path) -> None:
    system.on("import", "export_person", Unavailable("service.timeout", "No."))
    done = command("export", *ids, "--output", str(tmp_path / "person.zip"))
    assert done.returncode == 1
    assert "service.timeout" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_operator_erases_and_sees_that_it_is_done(system: System, ids: list[str]) -> None:
    system.on("identity", "erase_user", {})
    asked: list[str] = []

    def erasure(_kwargs: Any, call: Any) -> dict[str, Any]:
        asked.append(str(call.actor.user_id))
        return {"erased_at": "2030-01-31T15:00:00+00:00" if len(asked) > 7 else None}

    for service in SERVICES:
        system.on(service, "erasure", erasure)
    done = command("erase", *ids, "--confirm", "Ada Lovelace")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(SERVICES)
    assert set(asked) == {str(uuid.UUID(int=0))}


def test_the_status_says_who_is_not_done(system: System, ids: list[str]) -> None:
    for service in SERVICES:
        system.on(service, "erasure", {"erased_at": "2030-01-31T15:00:00+00:00"})
    system.on("import", "erasure", {"erased_at": None})
    system.on("booking", "erasure", Unavailable("service.timeout", "No."))
    done = command("status", *ids)
    assert done.returncode == 1
    waiting = [line.split()[0] for line in done.stdout.splitlines() if "not yet" in line]
    assert waiting == ["booking", "import"]
