"""Rules of adding or updating many people at once: who is meant by an item, and what becomes of it.

A person of a batch is found by e-mail address, else username, else external id. Items that name the same person refer
to the same person, also when the first of them is about to create that person. Whatever is wrong with an item, the
others go on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from identity_service.domain.people import ordered_roles, username_key

# The fields that name a person, in the order in which they are tried.
NAMING = ("email", "username", "external_id")
TEXT_FIELDS = ("first_name", "last_name", "email", "username", "phone", "time_zone", "external_id")
WHAT = {"email": "e-mail address", "username": "username", "external_id": "external id"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an item can't be done."""

    pointer: str
    code: str
    detail: str


@dataclass(slots=True)
class Outcome:
    """What becomes of one item: create, update, unchanged or invalid."""

    outcome: str
    user_id: uuid.UUID | None = None
    changes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Person:
    """A person as the batch leaves them; `before` is what was stored, None for a new one."""

    id: uuid.UUID
    values: dict[str, Any]
    before: Mapping[str, Any] | None = None

    @property
    def is_new(self) -> bool:
        """Whether the batch creates this person."""
        return self.before is None

    @property
    def is_changed(self) -> bool:
        """Whether what was stored is no longer right."""
        return self.before is not None and any(
            self.before[key] != value for key, value in self.values.items()
        )


def naming_key(name: str, value: str) -> tuple[str, str]:
    """A naming value in the form in which it is compared."""
    return name, username_key(value) if name == "username" else value


def naming_keys(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All that a person is named by, in the order in which it is tried."""
    return [naming_key(name, values[name]) for name in NAMING if values.get(name)]


class Batch:
    """The people that a batch is about, stored ones first, and what its items did to them."""

    def __init__(
        self, stored: Iterable[Mapping[str, Any]], default_zone: str, *, may_change_owners: bool
    ) -> None:
        self._by_key: dict[tuple[str, str], Person] = {}
        self._default_zone = default_zone
        self._may_change_owners = may_change_owners
        self.people: dict[uuid.UUID, Person] = {}
        for row in stored:
            self._remember(Person(row["id"], dict(row), before=row))

    def created(self) -> list[Person]:
        """Who is to be added."""
        return [person for person in self.people.values() if person.is_new]

    def updated(self) -> list[Person]:
        """Who is to be changed."""
        return [person for person in self.people.values() if person.is_changed]

    def apply(self, item: Mapping[str, Any], new_id: uuid.UUID) -> Outcome:
        """Applies one item, whose fields were checked one by one, and says what became of it."""
        given = {name: item[name] for name in TEXT_FIELDS if item.get(name)}
        keys = naming_keys(given)
        if not keys:
            return invalid(
                "/email",
                "identity.no_login",
                "Needs an e-mail address, a username or an external id.",
            )
        found = next((self._by_key[key] for key in keys if key in self._by_key), None)
        problems = self._conflicts(found, keys)
        if problems:
            return Outcome("invalid", found.id if found else None, problems=problems)
        if found is None:
            return self._create(given, item["roles"], new_id)
        return self._update(found, given, item["roles"])

    def _conflicts(self, found: Person | None, keys: Sequence[tuple[str, str]]) -> list[Problem]:
        """Names that somebody else has: two people can't become one."""
        others = [key for key in keys if self._by_key.get(key, found) is not found]
        return [
            Problem(f"/{name}", f"identity.{name}_taken", f"Somebody else has this {WHAT[name]}.")
            for name, _ in others
        ]

    def _create(self, given: dict[str, Any], roles: Sequence[str], new_id: uuid.UUID) -> Outcome:
        missing = [name for name in ("first_name", "last_name") if name not in given]
        problems = [
            Problem(f"/{m}", "identity.required", "Needed for a new person.") for m in missing
        ]
        if not roles:
            problems.append(Problem("/roles", "identity.required", "Needed for a new person."))
        if problems:
            return Outcome("invalid", problems=problems)
        values = {name: given.get(name) for name in TEXT_FIELDS}
        values["time_zone"] = values["time_zone"] or self._default_zone
        values |= {"id": new_id, "roles": ordered_roles(roles), "status": "invited"}
        self._remember(Person(new_id, values))
        return Outcome("create", new_id, changes=sorted({*given, "roles"}))

    def _update(self, person: Person, given: dict[str, Any], roles: Sequence[str]) -> Outcome:
        if person.values["status"] == "archived":
            return invalid("", "identity.archived_person", "This person is archived.", person.id)
        wanted = {**given, "roles": ordered_roles([*person.values["roles"], *roles])}
        changes = {name: value for name, value in wanted.items() if person.values[name] != value}
        if self._is_refused(person, changes):
            detail = "Only an owner changes how an owner signs in."
            return invalid("", "access.owner_only", detail, person.id)
        if not changes:
            return Outcome("unchanged", person.id)
        person.values.update(changes)
        self._remember(person)
        return Outcome("update", person.id, changes=sorted(changes))

    def _is_refused(self, person: Person, changes: Mapping[str, Any]) -> bool:
        is_login_changed = not changes.keys().isdisjoint({"email", "username"})
        return (
            is_login_changed and "owner" in person.values["roles"] and not self._may_change_owners
        )

    def _remember(self, person: Person) -> None:
        # Old names stay: whoever is called by one later in the batch is still the same person, and nobody else may
        # take a name that its holder gives up in the same statement.
        self.people[person.id] = person
        for key in naming_keys(person.values):
            self._by_key[key] = person


def invalid(pointer: str, code: str, detail: str, user_id: uuid.UUID | None = None) -> Outcome:
    """An item with one problem."""
    return Outcome("invalid", user_id, problems=[Problem(pointer, code, detail)])
