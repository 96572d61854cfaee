"""`python -m identity_service audit`, on logs that somebody with every right changed behind the service's back."""

from __future__ import annotations

import json
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chassis.testing import wait_until
from identity_service.__main__ import main

# What switches triggers off for one connection; for superusers only.
UNGUARDED = "SET session_replication_role = replica; "


@dataclass
class Done:
    """What a command answered."""

    returncode: int
    stdout: str
    stderr: str


class Commands:
    """Runs the commands here, with the application's own rights: a process for each would take a second."""

    def __init__(self, capsys: Any, monkeypatch: Any) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def audit(self, organization: Any, *arguments: str, url: str | None = None) -> Done:
        self._monkeypatch.setenv("DATABASE_URL", url or organization.service.database.application)
        self._capsys.readouterr()
        try:
            status = main(["audit", *arguments])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        printed = self._capsys.readouterr()
        return Done(status, printed.out.decode(), printed.err.decode())

    def verify(self, organization: Any, *arguments: str) -> Done:
        return self.audit(organization, "verify", "--organization", organization.slug, *arguments)


@pytest.fixture
def commands(capsysbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(capsysbinary, monkeypatch)


@pytest.fixture
def logged(organization: Any) -> Any:
    """An organization with five entries."""
    for _ in range(3):
        organization.add("student")
    wait_until(lambda: len(numbers(organization)) == 5, 20)
    return organization


def numbers(organization: Any) -> list[int]:
    statement = "SELECT number FROM audit_entries WHERE organization_id = %s ORDER BY number"
    return [number for (number,) in organization.service.sql(statement, [str(organization.id)])]


def tamper(organization: Any, statement: str) -> None:
    """Runs it as a superuser with triggers switched off; `:own` stands for the organization's rows."""
    own = f"organization_id = '{organization.id}'"
    statement = statement.replace(":own", own).replace(":next", NEXT)
    organization.service.sql(UNGUARDED + statement)


def test_a_log_that_nobody_touched_is_whole(commands: Commands, logged: Any) -> None:
    done = commands.verify(logged)
    assert done.returncode == 0, done.stderr
    statement = "SELECT encode(hash, 'hex') FROM audit_heads WHERE organization_id = %s"
    [(digest,)] = logged.service.sql(statement, [str(logged.id)])
    assert done.stdout == f"{logged.slug}: whole, 5 entries, head 5:{digest}\n"


# The columns of a copy of an entry that pretends to follow it.
NEXT = "number + 1, at, actor_id, address, action, targets, details, hash, previous_hash"
TAMPERED = {
    "another action": ("UPDATE audit_entries SET action = 'sign_out' WHERE :own AND number = 3", 3),
    "another time": ("UPDATE audit_entries SET at = at + '1us' WHERE :own AND number = 4", 4),
    "another actor": ("UPDATE audit_entries SET actor_id = NULL WHERE :own AND number = 4", 4),
    "another address": ("UPDATE audit_entries SET address = '::1' WHERE :own AND number = 1", 1),
    "another target": ("UPDATE audit_entries SET targets = '{}' WHERE :own AND number = 2", 2),
    "other details": (
        """UPDATE audit_entries SET details = details || '{"x": 1}' WHERE :own AND number = 5""",
        5,
    ),
    "another hash": (
        "UPDATE audit_entries SET hash = decode(repeat('ab', 32), 'hex') WHERE :own AND number = 2",
        2,
    ),
    "one removed": ("DELETE FROM audit_entries WHERE :own AND number = 3", 3),
    "the first removed": ("DELETE FROM audit_entries WHERE :own AND number = 1", 1),
    "one removed and the gap closed": (
        (
            "DELETE FROM audit_entries WHERE :own AND number = 3;"
            "UPDATE audit_entries SET number = number + 100 WHERE :own AND number > 3;"
            "UPDATE audit_entries SET number = number - 101 WHERE :own AND number > 100"
        ),
        3,
    ),
    "the tail cut": ("DELETE FROM audit_entries WHERE :own AND number > 3", 4),
    "all removed": ("DELETE FROM audit_entries WHERE :own", 1),
    "head and all removed": (
        "DELETE FROM audit_entries WHERE :own; DELETE FROM audit_heads WHERE :own",
        1,
    ),
    "two swapped": (
        (
            "UPDATE audit_entries SET number = 100 - number WHERE :own AND number IN (2, 3);"
            "UPDATE audit_entries SET number = number - 95 WHERE :own AND number > 90"
        ),
        2,
    ),
    "one inserted at the end": (
        (
            "INSERT INTO audit_entries SELECT organization_id, :next FROM audit_entries"
            " WHERE :own AND number = 5"
        ),
        6,
    ),
    "one inserted before the first": (
        (
            "ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_number_check;"
            "INSERT INTO audit_entries SELECT organization_id, -:next FROM audit_entries"
            " WHERE :own AND number = 1;"
            "ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_number_check CHECK (number > 0) NOT VALID"
        ),
        0,
    ),
    "one inserted in the middle": (
        (
            "UPDATE audit_entries SET number = number + 100 WHERE :own AND number > 2;"
            "UPDATE audit_entries SET number = number - 99 WHERE :own AND number > 100;"
            "INSERT INTO audit_entries SELECT organization_id, :next FROM audit_entries"
            " WHERE :own AND number = 2"
        ),
        3,
    ),
    "the head put back": ("UPDATE audit_heads SET number = 4 WHERE :own", 5),
    "the head's hash changed": (
        "UPDATE audit_heads SET hash = decode(repeat('ab', 32), 'hex') WHERE :own",
        5,
    ),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_found_at_its_first_entry(commands: Commands, logged: Any, kind: str) -> None:
    statement, number = TAMPERED[kind]
    tamper(logged, statement)
    done = commands.verify(logged)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{logged.slug}: BROKEN, entry {number}: ")


def test_a_chain_rewritten_to_its_end_is_found_by_an_anchor_only(
    commands: Commands, logged: Any
) -> None:
    kept = commands.verify(logged).stdout.split()[-1]
    tamper(
        logged,
        "DELETE FROM audit_entries WHERE :own AND number > 3;"
        "UPDATE audit_heads SET number = 3, hash = (SELECT hash FROM audit_entries WHERE :own AND number = 3)"
        " WHERE :own",
    )
    assert commands.verify(logged).returncode == 0
    done = commands.verify(logged, "--anchor", kept)
    assert done.returncode == 1
    assert "entry 4: is missing" in done.stdout


def test_an_anchor_that_fits_changes_nothing(commands: Commands, logged: Any) -> None:
    head = commands.verify(logged).stdout.split()[-1]
    assert commands.verify(logged, "--anchor", head).returncode == 0
    logged.add("student")
    wait_until(lambda: len(numbers(logged)) == 6, 20)
    assert commands.verify(logged, "--anchor", head).returncode == 0
    assert commands.verify(logged, "--anchor", head.replace(head[3:9], "000000")).returncode == 1


def test_one_broken_log_among_all_is_named(
    commands: Commands, logged: Any, other_organization: Any
) -> None:
    wait_until(lambda: len(numbers(other_organization)) == 2, 20)
    tamper(other_organization, "DELETE FROM audit_entries WHERE :own AND number = 2")
    done = commands.audit(logged, "verify")
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 1
    assert lines[logged.slug].startswith("whole, 5 entries")
    assert lines[other_organization.slug] == "BROKEN, entry 2: is missing, and all after it"


def test_an_export_is_checked_without_a_database(
    commands: Commands, logged: Any, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    written = commands.audit(logged, "export", "--organization", logged.slug, "--file", str(file))
    printed = commands.audit(logged, "export", "--organization", logged.slug)
    assert (written.returncode, printed.stdout) == (0, file.read_text())
    lines = file.read_text().splitlines()
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    assert commands.audit(logged, "verify", "--file", str(file), url=nowhere).returncode == 0
    for broken, number in (
        (lines[:-1], 6),
        (lines[1:], 1),
        ([*lines[:2], *lines[3:]], 3),
        ([*lines[:4], lines[5]], 5),
        ([lines[1], lines[0], *lines[2:]], 1),
        ([*lines[:2], lines[2].replace("student", "owner"), *lines[3:]], 3),
    ):
        file.write_text("\n".join(broken) + "\n")
        done = commands.audit(logged, "verify", "--file", str(file), url=nowhere)
        assert done.returncode == 1
        assert f"BROKEN, entry {number}: " in done.stdout


def test_a_large_log_is_checked_a_few_entries_at_a_time(commands: Commands, logged: Any) -> None:
    actor = logged.actor()
    people = [
        {"external_id": uuid.uuid4().hex, "role": "student", "first_name": "A", "last_name": "B"}
    ]
    for number in range(260):
        more = [{**people[0], "external_id": f"x{number}"}]
        logged.service.call("upsert_users", actor=actor, people=more)
    wait_until(lambda: len(numbers(logged)) == 265, 30)
    done = commands.verify(logged)
    assert done.stdout.startswith(f"{logged.slug}: whole, 265 entries, ")
    lines = commands.audit(logged, "export", "--organization", logged.slug).stdout.splitlines()
    assert json.loads(lines[-1])["head"]["number"] == len(lines) - 1 == 265


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["something"],
        ["verify", "--anchor", "5"],
        ["verify", "--anchor", "5:" + "0" * 64],
        ["verify", "--organization", "no-such-organization"],
        ["verify", "--file", "/no/such/file"],
        ["verify", "--file", "f", "--organization", "o"],
        ["export"],
        ["export", "--organization", "no-such-organization"],
    ],
    ids=" ".join,
)
def test_a_command_that_makes_no_sense_says_so(
    commands: Commands, organization: Any, arguments: list[str]
) -> None:
    done = commands.audit(organization, *arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_is_one_of_the_package(logged: Any) -> None:
    environment = {**os.environ, "DATABASE_URL": logged.service.database.application}
    command = [sys.executable, "-m", "identity_service", "audit", "verify"]
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        [*command, "--organization", logged.slug],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{logged.slug}: whole, 5 entries, head 5:")


def test_a_database_that_does_not_answer_is_no_verdict(
    commands: Commands, organization: Any
) -> None:
    done = commands.audit(organization, "verify", url="postgresql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 2
    assert done.stdout == ""
