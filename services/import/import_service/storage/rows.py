"""The rows of files and the keys their people are known by.

Everything is written and read for a whole chunk at once: a batch travels as one JSON parameter, which PostgreSQL takes
apart. `upload` is the import.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database import UnitOfWork
from chassis.pages import growing
from import_service.domain import positions_of
from import_service.reading.problems import at_most
from import_service.storage.imports import IMPORT, ORGANIZATION
from import_service.storage.tables import import_keys, import_rows

OWN: Final = import_rows.c.organization_id == ORGANIZATION
IN_SPAN: Final = import_rows.c.position.between(sa.bindparam("first"), sa.bindparam("last"))
NAMES_SOMEBODY: Final = sa.text("(instructors <> '[]' OR students <> '[]')")

# Read again after a kill, a file yields the same rows; and the first row to have a key keeps it.
INSERT: Final = sa.text(
    """
    WITH batch AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(
            place integer, line integer, cells jsonb, person jsonb, role text,
            instructors jsonb, students jsonb, known_as jsonb, errors jsonb)
    ), stored AS (
        INSERT INTO import_rows (position, organization_id, import_id, line, cells, person, role,
                                 instructors, students, known_as, errors, outcome)
        SELECT :first + place, :organization_id, :import_id, line, cells, person, role,
               instructors, students, known_as, errors, CASE WHEN errors <> '[]' THEN 'invalid' END
          FROM batch
        ON CONFLICT DO NOTHING
    )
    INSERT INTO import_keys (key, organization_id, position, line)
    SELECT concat(CAST(:number AS bigint), '/', known.key), :organization_id,
           min(:first + batch.place), min(batch.line)
      FROM batch, jsonb_array_elements_text(batch.known_as) AS known(key)
     GROUP BY known.key
    ON CONFLICT DO NOTHING
    """
).bindparams(ORGANIZATION, IMPORT, sa.bindparam("first", type_=sa.BigInteger))

UNPLANNED: Final = (
    sa.select(
        import_rows.c.position, import_rows.c.line, import_rows.c.person, import_rows.c.known_as
    )
    .where(OWN, IN_SPAN, import_rows.c.outcome.is_(None))
    .order_by(import_rows.c.position)
)
PLANNED: Final = (
    sa.select(import_rows.c.position, import_rows.c.line, import_rows.c.person)
    .where(OWN, IN_SPAN, import_rows.c.outcome != "invalid")
    .order_by(import_rows.c.position)
)
# How many names a row's lists have, and how many the rows before it have.
NAMES: Final = sa.func.jsonb_array_length(import_rows.c.instructors) + sa.func.jsonb_array_length(
    import_rows.c.students
)
NAMES_BEFORE: Final = sa.func.sum(NAMES).over(order_by=import_rows.c.position) - NAMES
NAMING_ROWS: Final = (
    sa.select(
        import_rows.c.position,
        import_rows.c.line,
        import_rows.c.role,
        import_rows.c.known_as,
        import_rows.c.user_id,
        import_rows.c.instructors,
        import_rows.c.students,
        NAMES.label("names"),
        NAMES_BEFORE.label("names_before"),
    )
    .where(OWN, IN_SPAN, import_rows.c.outcome != "invalid", NAMES_SOMEBODY)
    .order_by(import_rows.c.position)
    .limit(sa.bindparam("rows"))
).subquery()
NAMING: Final = (
    sa.select(NAMING_ROWS)
    .where(
        (NAMING_ROWS.c.names_before == 0)
        | (NAMING_ROWS.c.names_before + NAMING_ROWS.c.names <= sa.bindparam("names"))
    )
    .order_by(NAMING_ROWS.c.position)
)
COUNT_NAMING: Final = sa.select(
    sa.func.count().label("rows"), sa.func.count().filter(NAMES_SOMEBODY).label("naming")
).where(OWN, IN_SPAN)
INVALID_NEWCOMERS: Final = sa.select(sa.func.array_agg(import_rows.c.position)).where(
    OWN, IN_SPAN, import_rows.c.outcome == "invalid", import_rows.c.user_id.is_(None)
)
AT_POSITIONS: Final = sa.select(
    import_rows.c.position,
    import_rows.c.line,
    import_rows.c.role,
    import_rows.c.outcome,
    import_rows.c.user_id,
).where(
    OWN, import_rows.c.position == sa.any_(sa.bindparam("positions", type_=ARRAY(sa.BigInteger)))
)
SHOWN: Final = (
    sa.select(
        import_rows.c.position,
        import_rows.c.line,
        import_rows.c.outcome,
        import_rows.c.applied,
        import_rows.c.user_id,
        import_rows.c.changes,
        import_rows.c.errors,
    )
    .where(OWN, IN_SPAN)
    .order_by(import_rows.c.position)
    .limit(sa.bindparam("most"))
)
REPORTED: Final = SHOWN.add_columns(import_rows.c.cells)
SHOWN_OF_OUTCOME: Final = SHOWN.where(import_rows.c.outcome == sa.bindparam("outcome"))

OWNERS_OF_KEYS: Final = sa.select(
    import_keys.c.key, import_keys.c.position, import_keys.c.line
).where(
    import_keys.c.organization_id == ORGANIZATION,
    import_keys.c.key == sa.any_(sa.bindparam("keys", type_=ARRAY(sa.Text))),
)
CLAIM: Final = sa.text(
    """
    INSERT INTO import_keys (key, organization_id, position, line)
    SELECT given.key, :organization_id, given.position, given.line
      FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(key text, position bigint, line integer)
    ON CONFLICT DO NOTHING
    """
).bindparams(ORGANIZATION)

SET_OUTCOMES: Final = sa.text(
    """
    UPDATE import_rows
       SET outcome = given.items -> CAST(position AS text) ->> 'outcome',
           user_id = CAST(given.items -> CAST(position AS text) ->> 'user_id' AS uuid),
           changes = given.items -> CAST(position AS text) -> 'changes',
           errors = given.items -> CAST(position AS text) -> 'errors',
           applied = :applied
      FROM (SELECT CAST(:batch AS jsonb) AS items) AS given
     WHERE organization_id = :organization_id AND position = ANY(:keys)
    """
).bindparams(ORGANIZATION)

ERRORS_AT: Final = sa.select(import_rows.c.position, import_rows.c.errors).where(
    OWN, import_rows.c.position == sa.any_(sa.bindparam("positions", type_=ARRAY(sa.BigInteger)))
)
SET_ERRORS: Final = sa.text(
    """
    UPDATE import_rows
       SET errors = given.items -> CAST(position AS text) -> 'errors',
           outcome = CASE WHEN :refuse THEN 'invalid' ELSE outcome END
      FROM (SELECT CAST(:batch AS jsonb) AS items) AS given
     WHERE organization_id = :organization_id AND position = ANY(:keys)
    """
).bindparams(ORGANIZATION, sa.bindparam("refuse", type_=sa.Boolean))


def as_json(batch: Iterable[Mapping[str, Any]]) -> str:
    """A batch as one parameter."""
    return orjson.dumps(list(batch)).decode()


def batch_of(batch: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """A batch for an update as parameters: one object by key, and the keys.

    The statements look their values up in the object rather than join: a table that grew since it was last analyzed
    looks empty to the planner, which would then compare each of its rows with each of the batch.
    """
    items = {str(item[key]): item for item in batch}
    return {"batch": orjson.dumps(items).decode(), "keys": list(map(int, items))}


def own(uow: UnitOfWork, **parameters: Any) -> dict[str, Any]:
    """Parameters of a statement that is confined to the organization."""
    return {"organization_id": uow.organization_id, **parameters}


def in_span(uow: UnitOfWork, statement: Any, span: range, **parameters: Any) -> Sequence[Any]:
    """What `statement` finds at these positions."""
    bounds = {"first": span.start, "last": span.stop - 1}
    return uow.execute(statement, own(uow, **bounds, **parameters)).all()


def insert_json(uow: UnitOfWork, upload: Any, batch: str) -> None:
    """Stores a batch of rows, given in JSON as the child process wrote it."""
    first = positions_of(upload.number).start
    place = own(uow, import_id=upload.id, number=upload.number, first=first)
    uow.execute(INSERT, {**place, "batch": batch})


def unplanned(uow: UnitOfWork, span: range) -> Sequence[Any]:
    """The rows at these positions that nothing is wrong with so far."""
    return in_span(uow, UNPLANNED, span)


def planned(uow: UnitOfWork, span: range) -> Sequence[Any]:
    """The rows at these positions that are to be applied."""
    return in_span(uow, PLANNED, span)


def naming(uow: UnitOfWork, span: range, *, rows: int, names: int) -> Sequence[Any]:
    """The first valid rows of these positions that name somebody: at most so many, with at most so many names."""
    return in_span(uow, NAMING, span, rows=rows, names=names)


def count_naming(uow: UnitOfWork, upload: Any) -> tuple[int, int]:
    """How many rows there are, and how many of them name somebody."""
    (found,) = in_span(uow, COUNT_NAMING, positions_of(upload.number))
    return found.rows, found.naming


def invalid_newcomers(uow: UnitOfWork, upload: Any) -> list[int]:
    """The positions of invalid rows whose people nobody knows, so that they won't exist."""
    ((found,),) = in_span(uow, INVALID_NEWCOMERS, positions_of(upload.number))
    return found or []


def at(uow: UnitOfWork, positions: Iterable[int]) -> dict[int, Any]:
    """What is planned or done at these positions."""
    found = uow.execute(AT_POSITIONS, own(uow, positions=list(set(positions))))
    return {row.position: row for row in found}


def owners_of(uow: UnitOfWork, upload: Any, keys: Iterable[str]) -> dict[str, Any]:
    """Position and line of the first row that has each key."""
    prefix = f"{upload.number}/"
    found = uow.execute(OWNERS_OF_KEYS, own(uow, keys=[prefix + key for key in keys]))
    return {row.key.removeprefix(prefix): row for row in found}


def claim(uow: UnitOfWork, upload: Any, claims: Mapping[str, Mapping[str, Any]]) -> None:
    """Gives each key to a row, which has `position` and `line`, unless an earlier one has it."""
    batch = (
        {"key": f"{upload.number}/{key}", "position": row["position"], "line": row["line"]}
        for key, row in claims.items()
    )
    uow.execute(CLAIM, own(uow, batch=as_json(batch)))


def set_outcomes(uow: UnitOfWork, outcomes: Sequence[Mapping[str, Any]], *, applied: bool) -> None:
    """Stores what becomes of rows: position, outcome, user_id, changes, errors."""
    uow.execute(SET_OUTCOMES, own(uow, **batch_of(outcomes, "position"), applied=applied))


def add_errors(uow: UnitOfWork, errors: Mapping[int, Sequence[Any]], *, refuse: bool) -> None:
    """Adds errors to rows by position; with `refuse` these rows become invalid as a whole.

    A row shows so many of all its errors as `at_most` says. Call it while the import is locked.
    """
    if not errors:
        return
    present = uow.execute(ERRORS_AT, own(uow, positions=list(errors)))
    batch = [
        {"position": row.position, "errors": at_most([*row.errors, *errors[row.position]])}
        for row in present
    ]
    uow.execute(SET_ERRORS, own(uow, **batch_of(batch, "position"), refuse=refuse))


def shown(
    uow: UnitOfWork, upload: Any, *, after: int, outcome: str | None
) -> Iterator[Sequence[Any]]:
    """Rows in the file's order without their cells, fetched as they are asked for; `after` counts them from 0."""
    if outcome is None:
        return in_steps(uow, upload, SHOWN, after)
    return in_steps(uow, upload, SHOWN_OF_OUTCOME, after, outcome=outcome)


def reported(uow: UnitOfWork, upload: Any, *, after: int) -> Iterator[Sequence[Any]]:
    """As `shown`, with the cells."""
    return in_steps(uow, upload, REPORTED, after)


def in_steps(
    uow: UnitOfWork, upload: Any, statement: Any, after: int, **parameters: Any
) -> Iterator[Sequence[Any]]:
    """What `statement` finds after a place, a few rows at a time."""
    span = positions_of(upload.number)[after + 1 :]
    for most in growing():
        found = in_span(uow, statement, span, most=most, **parameters)
        yield found
        if len(found) < most:
            return
        span = range(found[-1].position + 1, span.stop)
