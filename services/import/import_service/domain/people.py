"""Whom a name in a list cell means: somebody who is known already, or somebody of the same file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from import_service.domain.lifecycle import Outcome
from import_service.reading.problems import quoted
from import_service.reading.rows import key

ROLE_WANTED = {"instructors": "instructor", "students": "student"}
KEY_FIELDS = ("email", "username", "external_id")


@dataclass(frozen=True, slots=True)
class FilePerson:
    """A person as a row of the file has them; `user_id` is None for one that the row will create."""

    position: int
    line: int
    role: str | None
    outcome: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person as identity has them."""

    user_id: str
    roles: frozenset[str]
    archived: bool
    keys: frozenset[str]

    @classmethod
    def of(cls, user: Mapping[str, Any]) -> KnownPerson:
        """From identity's user."""
        keys = frozenset(key(field, user[field]) for field in KEY_FIELDS if user.get(field))
        return cls(user["id"], frozenset(user["roles"]), user["status"] == "archived", keys)


@dataclass(frozen=True, slots=True)
class Reference:
    """Who is meant: at least one of the two is given."""

    user_id: str | None
    position: int | None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why nobody can be meant."""

    code: str
    detail: str


def resolve(
    name: str,
    keys: Iterable[str],
    column: str,
    in_file: Mapping[str, FilePerson],
    known: Mapping[str, KnownPerson],
) -> Reference | Unresolved:
    """Whom `name` means: by e-mail, else username, else external id; on a tie the person who is known already.

    `keys` are the name's `reference_keys`.
    """
    person = known.get(name)
    for sought in keys:
        if person is not None and sought in person.keys:
            return of_known(name, column, person, in_file.get(sought))
        if (row := in_file.get(sought)) is not None:
            return of_row(name, column, row)
    if person is not None:  # identity compares more liberally than we do
        return of_known(name, column, person, None)
    return Unresolved(
        "import.unknown_reference", f"“{quoted(name)}” is nobody we know, nor in this file."
    )


def of_known(
    name: str, column: str, person: KnownPerson, row: FilePerson | None
) -> Reference | Unresolved:
    """Somebody identity knows. A role that the same file gives counts as well."""
    wanted = ROLE_WANTED[column]
    if person.archived:
        return Unresolved("import.archived_reference", f"“{quoted(name)}” is archived.")
    if wanted not in person.roles and (row is None or row.role != wanted):
        return wrong_role(name, wanted)
    return Reference(person.user_id, row.position if row else None)


def of_row(name: str, column: str, row: FilePerson) -> Reference | Unresolved:
    """Somebody of the same file."""
    wanted = ROLE_WANTED[column]
    if row.outcome == Outcome.INVALID and row.user_id is None:
        detail = f"“{quoted(name)}” is on line {row.line}, which is invalid."
        return Unresolved("import.invalid_reference", detail)
    if row.role is not None and row.role != wanted and row.user_id is None:
        return wrong_role(name, wanted)
    return Reference(row.user_id, row.position)


def wrong_role(name: str, wanted: str) -> Unresolved:
    """The person is known, but as something else."""
    article = "an instructor" if wanted == "instructor" else "a student"
    return Unresolved("import.wrong_role_reference", f"“{quoted(name)}” is not {article}.")
