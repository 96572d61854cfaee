"""A copy of what a service holds about one person, page by page.

A service says what it holds (`Section`); rights, order and cursors are done here. Knows people by their ids only.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from marshmallow import fields

from chassis.context import Actor
from chassis.database import Database, UnitOfWork
from chassis.errors import Forbidden, Invalid
from chassis.fields import StrictSchema, Text
from chassis.pages import decode_cursor, encode_cursor, filled, growing, moment

Place = Sequence[Any] | None
Read = Callable[[UnitOfWork, uuid.UUID, Place], Iterable[Any]]

Fetch = Callable[[UnitOfWork, uuid.UUID, Place, int], Sequence[Any]]

PAGE: Final = 200


class PersonArguments(StrictSchema):
    """Arguments of calls about one person's data."""

    user_id = fields.UUID(required=True)


class ExportArguments(PersonArguments):
    """Arguments of `export_person`."""

    cursor = Text(max=1000, load_default=None, allow_none=True)


def require_own_or_owner(actor: Actor, person_id: uuid.UUID) -> None:
    """A person's data are handed to that person and to owners."""
    if actor.user_id != person_id:
        require_owner(actor)


def require_owner(actor: Actor) -> None:
    """Erasing, and asking whether it is done, is for owners."""
    if not actor.has_role("owner"):
        raise Forbidden("access.owner_only", "Only an owner may do this.")


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of records about a person, in the order of `keys`, which name each record.

    `read` gives the rows, those after a place if there is one, and fetches them as they are taken; `show` gets a row
    and whose data it is. `about` is for people who read the export.
    """

    file: str
    about: str
    keys: tuple[sa.ColumnElement[Any], ...]
    read: Read
    show: Callable[[Any, uuid.UUID], dict[str, Any]]

    def place_of(self, row: Any) -> list[Any]:
        """The row's keys as a cursor has them."""
        values = [row._mapping[key.key] for key in self.keys]  # noqa: SLF001 - SQLAlchemy's public name
        return [v.isoformat() if isinstance(v, datetime) else v for v in values]

    def place_in(self, found: Sequence[Any]) -> list[Any]:
        """The keys that `place_of` gave, read from a cursor; ValueError for others."""
        if len(found) != len(self.keys):
            raise ValueError("wrong number of keys")
        return [kind_of(key)(value) for key, value in zip(self.keys, found, strict=True)]


def in_order(statement: sa.Select[Any], *keys: sa.ColumnElement[Any]) -> Read:
    """Reads `statement`, which has the keys among its columns and the parameters `organization_id` and `person_id`."""
    after = [sa.bindparam(f"after_{number}", type_=key.type) for number, key in enumerate(keys)]
    first = statement.order_by(*keys).limit(sa.bindparam("most"))
    later = first.where(sa.tuple_(*keys) > sa.tuple_(*after))

    def fetch(uow: UnitOfWork, person_id: uuid.UUID, place: Place, most: int) -> Sequence[Any]:
        whose = {"organization_id": uow.organization_id, "person_id": person_id, "most": most}
        if place is None:
            return uow.execute(first, whose).all()
        values = {f"after_{number}": value for number, value in enumerate(place)}
        return uow.execute(later, whose | values).all()

    return in_steps(fetch, lambda row: [row._mapping[key.key] for key in keys])  # noqa: SLF001


def in_steps(fetch: Fetch, place_of: Callable[[Any], Sequence[Any]]) -> Read:
    """Reads what `fetch` finds after a place, some rows at a time, each as late as it can."""

    def read(uow: UnitOfWork, person_id: uuid.UUID, place: Place) -> Iterator[Any]:
        for most in growing():
            found = fetch(uow, person_id, place, most)
            yield from found
            if len(found) < most:
                return
            place = place_of(found[-1])

    return read


def listed(
    file: str,
    about: str,
    statement: sa.Select[Any],
    keys: tuple[sa.ColumnElement[Any], ...],
    show: Callable[[Any, uuid.UUID], dict[str, Any]],
) -> Section:
    """The usual section: what one statement finds."""
    return Section(file, about, keys, in_order(statement, *keys), show)


def kind_of(key: sa.ColumnElement[Any]) -> Callable[[Any], Any]:
    """What reads a key of this column from a cursor."""
    kinds: dict[type[Any], Callable[[Any], Any]] = {
        uuid.UUID: uuid.UUID,
        datetime: moment,
        int: whole,
        str: str,
    }
    return kinds[key.type.python_type]


def whole(value: Any) -> int:
    """A number in a cursor."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError("no number of ours")
    return value


def export_person(
    database: Database,
    actor: Actor,
    sections: Sequence[Section],
    *,
    user_id: uuid.UUID,
    cursor: str | None,
) -> dict[str, Any]:
    """What the RPC `export_person` of every service answers: see `export_page`."""
    require_own_or_owner(actor, user_id)
    with database.unit_of_work(actor.organization_id) as uow:
        return export_page(uow, user_id, cursor, sections)


def export_page(
    uow: UnitOfWork, person_id: uuid.UUID, cursor: str | None, sections: Sequence[Section]
) -> dict[str, Any]:
    """A page of one section: `file`, `about`, up to 200 `items` and the cursor of the page after it.

    A section of which there is nothing has an empty page, so that the reader sees that nothing is held.
    """
    number, after = place_of(cursor, sections)
    section = sections[number]
    rows = section.read(uow, person_id, after)
    items, last = filled(rows, PAGE, lambda row: section.show(row, person_id))
    following: str | None = None
    if last is not None:
        following = encode_cursor(number, section.place_of(last))
    elif number + 1 < len(sections):
        following = encode_cursor(number + 1, None)
    return {
        "file": section.file,
        "about": section.about,
        "items": items,
        "next_cursor": following,
    }


def place_of(cursor: str | None, sections: Sequence[Section]) -> tuple[int, list[Any] | None]:
    """Section and keys after which a page starts; Invalid for what is no cursor of ours."""
    if cursor is None:
        return 0, None
    number, keys = decode_cursor(cursor, whole, list_or_none)
    if not 0 <= number < len(sections):
        raise not_a_cursor()
    try:
        return number, None if keys is None else sections[number].place_in(keys)
    except (ValueError, TypeError, AttributeError) as error:
        raise not_a_cursor() from error


def list_or_none(value: Any) -> list[Any] | None:
    """The keys in a cursor, yet to be read."""
    if value is None or isinstance(value, list):
        return value
    raise ValueError("no keys")


def not_a_cursor() -> Invalid:
    """The cursor is none that an export gave."""
    return Invalid.field("/cursor", "Not a cursor of this list.")
