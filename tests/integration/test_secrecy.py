"""Nobody's password, token, message or note is in a log. `run_folder` seeks them again at the end of each system."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chassis.testing import wait_until

from .client import Api, Organization, expect, session, sign_in
from .secrecy import SECRETS, Secrets
from .system import RunningSystem

LINE = '{{"event": "something.happened", "detail": "it was {} then", "level": "info"}}\n'
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "python": lambda secret: repr(secret)[1:-1],
    "cut": lambda secret: secret[:70] + "...",
}


def a_secret() -> str:
    """Nobody else's, and awkward to write."""
    return f'p\u00e4ss "{base64.b64encode(os.urandom(60)).decode()}" w\u00f6rd'


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("log", ["identity.1.log", "gateway.log", "postgres.log", "runner.log.old"])
def test_a_secret_that_is_planted_in_a_log_is_found(
    tmp_path: Path, spelling: str, log: str
) -> None:
    secret, secrets = a_secret(), Secrets()
    secrets.learn({"user": {"name": "Ada"}, "tokens": [{"access_token": secret}]})
    path = tmp_path / log
    path.write_text(LINE.format("nothing") * 3)
    assert secrets.leaks(tmp_path) == []
    with path.open("a", encoding="utf-8") as lines:
        lines.write(LINE.format(SPELLINGS[spelling](secret)))
    found = secrets.leaks(tmp_path)
    assert [str(leak) for leak in found] == [f"{log}:4 has somebody's access_token"]
    with pytest.raises(AssertionError, match=f"{log}:4"):
        secrets.assert_not_in(tmp_path)


def test_a_secret_that_was_sent_to_a_system_would_be_found_in_its_logs(
    shared_system: RunningSystem, organization: Organization, tmp_path: Path
) -> None:
    log = shared_system.run_dir / "gateway.log"
    copy = tmp_path / log.name
    copy.write_text(log.read_text() + LINE.format(organization.owner_token))
    assert [leak.kind for leak in SECRETS.leaks(tmp_path)] == ["access_token"]


def test_what_people_send_is_in_no_log_whether_it_is_taken_or_refused(
    shared_system: RunningSystem, organization: Organization
) -> None:
    instructor, student = organization.assigned_pair(can_sign_in=True)
    for attempt in attempts_with_secrets(organization):
        attempt()
    opened = instructor.api.post("/conversations", {"participant_id": student.id})
    path = f"/conversations/{expect((200, 201), opened)['id']}/messages"
    expect(201, instructor.api.post(path, {"body": a_secret()}))
    expect(422, instructor.api.post(path, {"body": a_secret(), "surprise": a_secret()}))
    booking = session(instructor, student, notes=a_secret())
    expect(201, organization.admin.post("/sessions", booking))
    expect(409, organization.admin.post("/sessions", booking | {"notes": a_secret()}))
    wait_until(lambda: not SECRETS.leaks(shared_system.run_dir), 2)


def attempts_with_secrets(organization: Organization) -> list[Callable[[], object]]:
    """Sign-ins and people, right and wrong, each with a secret of its own."""
    anybody, admin = Api(organization.url), organization.admin
    person = {"roles": ["student"], "first_name": "Sam", "last_name": "Secret"}
    email = f"sam.{os.urandom(6).hex()}@example.org"
    password = a_secret()
    raw = {"Content-Type": "application/json"}

    def made() -> None:
        expect(201, admin.post("/users", person | {"email": email, "password": password}))
        sign_in(organization.url, email, password)

    return [
        made,
        lambda: anybody.post("/auth/login", {"login": email, "password": a_secret()}),
        lambda: anybody.post("/auth/login", {"login": a_secret(), "password": a_secret()}),
        lambda: anybody.post("/auth/login", {"login": email, "password": {"password": a_secret()}}),
        lambda: anybody.post("/auth/refresh", {"refresh_token": a_secret()}),
        lambda: admin.post("/users", person | {"email": email, "password": a_secret()}),
        lambda: admin.post("/users", person | {"email": a_secret()}),
        lambda: admin.post("/users", data=f'{{"password": "{password}', headers=raw),
        lambda: admin.patch("/me", {"password": a_secret(), "current_password": a_secret()}),
        lambda: Api(organization.url, os.urandom(32).hex()).get("/me"),
    ]
