"""What one row says: the person's values, whom it names, the keys the person is known by, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from unicodedata import normalize

from chassis.characters import MOST_ACCENTS
from import_service.reading.cells import ROLES, is_plain, names_in, value_of
from import_service.reading.columns import KEY_FIELDS, Column, is_secret
from import_service.reading.problems import Problem, at_most, quoted
from import_service.reading.table import Record

MOST_NAMES: Final = 500
LONGEST: Final = {"email": 254, "time_zone": 64, "phone": 50}
LONGEST_OTHER: Final = 200
LONGEST_NAME: Final = 254
LISTS: Final = ("instructors", "students")


class RowReader:
    """Reads the rows of one file."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._used = [(i, c) for i, c in enumerate(columns) if c.status == "used"]
        self._secret = [i for i, column in enumerate(columns) if is_secret(column)]

    def read(self, place: int, record: Record) -> dict[str, Any]:
        """The row in the form of the table `import_rows`; `place` counts from 0. A row with `errors` is invalid."""
        self._forget_secrets(record.cells)
        cells = without_empty_rest(record.cells, len(self._columns))
        row: dict[str, Any] = {"place": place, "line": record.line, "cells": cells}
        if len(cells) != len(self._columns):
            return {**row, "person": {}, "errors": [wrong_length(cells, len(self._columns))]}
        values = {str(column.field): cells[i] for i, column in self._used}
        return {**row, **self._read_values(values)}

    def _read_values(self, values: dict[str, str]) -> dict[str, Any]:
        cleaned = {f: value_of(cell) for f, cell in values.items() if f not in LISTS}
        person: dict[str, Any] = {field: value for field, value in cleaned.items() if value}
        lists = {column: names_in(values.get(column, "")) for column in LISTS}
        problems = at_most(self._problems(person, lists))
        lists = {column: names[:MOST_NAMES] for column, names in lists.items()}
        known_as = list(keys_of(person))
        role = ROLES.get(person.pop("role", "").casefold())
        if role is not None:
            person["roles"] = [role]
        return {"person": person, "role": role, **lists, "known_as": known_as, "errors": problems}

    def _forget_secrets(self, cells: list[str]) -> None:
        for i in self._secret:
            if i < len(cells):
                cells[i] = ""

    def _problems(self, person: dict[str, str], lists: dict[str, list[str]]) -> Iterator[Problem]:
        yield from self._problems_of(person)
        for column, names in lists.items():
            yield from self._problems_of_list(column, names)

    def _problems_of(self, person: dict[str, str]) -> Iterator[Problem]:
        for field, value in person.items():
            if not is_plain(value):
                detail = f"Contains a line break, a control character, or over {MOST_ACCENTS} accents on one letter."
                yield self._problem(field, "import.invalid_characters", detail)
            elif is_too_long(value, LONGEST.get(field, LONGEST_OTHER)):
                detail = f"Is longer than {LONGEST.get(field, LONGEST_OTHER)} characters."
                yield self._problem(field, "import.too_long", detail)
        if not any(field in person for field in KEY_FIELDS):
            detail = "Needs an e-mail, a username or an external id."
            yield {"column": None, "code": "import.no_key", "detail": detail}
        yield from self._problems_of_role(person.get("role"))

    def _problems_of_role(self, role: str | None) -> Iterator[Problem]:
        if role is None or role.casefold() in ROLES:
            return
        if role.casefold() == "owner":
            yield self._problem("role", "import.owner_refused", "A file can't make an owner.")
            return
        detail = f"“{quoted(role)}” is none of student, instructor, admin."
        yield self._problem("role", "import.unknown_role", detail)

    def _problems_of_list(self, field: str, names: list[str]) -> Iterator[Problem]:
        if len(names) > MOST_NAMES:
            detail = f"Names {len(names)} people; at most {MOST_NAMES} fit in a cell."
            yield self._problem(field, "import.too_many_names", detail)
        for name in names[:MOST_NAMES]:
            if is_too_long(name, LONGEST_NAME) or not is_plain(name):
                detail = f"“{quoted(name)}” can't be an e-mail, username or external id."
                yield self._problem(field, "import.unknown_reference", detail)

    def _problem(self, field: str, code: str, detail: str) -> Problem:
        header = next((c.header for _, c in self._used if c.field == field), field)
        return {"column": quoted(header), "code": code, "detail": detail}


def without_empty_rest(cells: list[str], width: int) -> list[str]:
    """Spreadsheets end rows with empty cells that mean nothing."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def wrong_length(cells: Sequence[str], width: int) -> Problem:
    """A cell is missing or too many, so nobody knows which value belongs where."""
    detail = f"Has {len(cells)} cells where the header has {width}."
    return {"column": None, "code": "import.row_length", "detail": detail}


def keys_of(person: dict[str, str]) -> Iterator[str]:
    """What the person is known by, in the form that `reference_keys` looks up."""
    for field, value in person.items():
        if field in KEY_FIELDS and not is_too_long(value, LONGEST_NAME):
            yield key(field, value)


def is_too_long(text: str, most: int) -> bool:
    """Whether a text has more characters than that, as it is or as it is compared: there one may become 18."""
    return len(text) > most or (not text.isascii() and len(normalize("NFKC", text)) > most)


def key(field: str, value: str) -> str:
    """One key, equal for values that identity takes for the same."""
    if field == "email":
        value = normalize("NFKC", value).lower()
    elif field == "username":
        value = normalize("NFKC", normalize("NFKC", value).casefold())
    return f"{field}:{value}"


def reference_keys(name: str) -> tuple[str, ...]:
    """The keys that a name in a list cell may mean, best first; none for one that nobody can have."""
    if is_too_long(name, LONGEST_NAME):
        return ()
    return tuple(key(field, name) for field in KEY_FIELDS)
