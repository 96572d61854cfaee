"""The rows of files and the keys their people are known by.

Everything is written and read for a whole chunk at once: a batch travels as one JSON parameter, which PostgreSQL takes
apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database import UnitOfWork
from import_service.storage.imports import IMPORT, ORGANIZATION, place
from import_service.storage.tables import import_keys, import_rows

OF_IMPORT: Final = (
    import_rows.c.organization_id == ORGANIZATION,
    import_rows.c.import_id == IMPORT,
)
IN_RANGE: Final = import_rows.c.position.between(sa.bindparam("first"), sa.bindparam("last"))
NAMES_SOMEBODY: Final = sa.text("(instructors <> '[]' OR students <> '[]')")

# Read again after a kill, a file yields the same rows; and the first row to have a key keeps it.
INSERT: Final = sa.text(
    """
    WITH batch AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(
            position integer, line integer, cells jsonb, person jsonb, role text,
            instructors jsonb, students jsonb, known_as jsonb, errors jsonb)
    ), stored AS (
        INSERT INTO import_rows (organization_id, import_id, position, line, cells, person, role,
                                 instructors, students, known_as, errors, outcome)
        SELECT :organization_id, :import_id, position, line, cells, person, role,
               instructors, students, known_as, errors, CASE WHEN errors <> '[]' THEN 'invalid' END
          FROM batch
        ON CONFLICT DO NOTHING
    )
    INSERT INTO import_keys (organization_id, import_id, key, position)
    SELECT :organization_id, :import_id, known.key, min(batch.position)
      FROM batch, jsonb_array_elements_text(batch.known_as) AS known(key)
     GROUP BY known.key
    ON CONFLICT DO NOTHING
    """
).bindparams(ORGANIZATION, IMPORT)

UNPLANNED: Final = (
    sa.select(
        import_rows.c.position, import_rows.c.line, import_rows.c.person, import_rows.c.known_as
    )
    .where(*OF_IMPORT, IN_RANGE, import_rows.c.outcome.is_(None))
    .order_by(import_rows.c.position)
)
NAMING: Final = (
    sa.select(
        import_rows.c.position,
        import_rows.c.line,
        import_rows.c.role,
        import_rows.c.known_as,
        import_rows.c.outcome,
        import_rows.c.user_id,
        import_rows.c.instructors,
        import_rows.c.students,
    )
    .where(
        *OF_IMPORT,
        import_rows.c.position >= sa.bindparam("first"),
        import_rows.c.outcome != "invalid",
        NAMES_SOMEBODY,
    )
    .order_by(import_rows.c.position)
    .limit(sa.bindparam("most"))
)
PLANNED: Final = (
    sa.select(import_rows.c.position, import_rows.c.person)
    .where(*OF_IMPORT, IN_RANGE, import_rows.c.outcome != "invalid")
    .order_by(import_rows.c.position)
)
COUNT_NAMING: Final = sa.select(
    sa.func.count().label("rows"), sa.func.count().filter(NAMES_SOMEBODY).label("naming")
).where(*OF_IMPORT)

OWNERS_OF_KEYS: Final = (
    sa.select(
        import_keys.c.key,
        import_rows.c.position,
        import_rows.c.line,
        import_rows.c.role,
        import_rows.c.outcome,
        import_rows.c.user_id,
    )
    .join(
        import_rows,
        sa.and_(
            import_rows.c.organization_id == import_keys.c.organization_id,
            import_rows.c.import_id == import_keys.c.import_id,
            import_rows.c.position == import_keys.c.position,
        ),
    )
    .where(
        import_keys.c.organization_id == ORGANIZATION,
        import_keys.c.import_id == IMPORT,
        import_keys.c.key == sa.any_(sa.bindparam("keys", type_=ARRAY(sa.Text))),
    )
)
CLAIM: Final = sa.text(
    """
    INSERT INTO import_keys (organization_id, import_id, key, position)
    SELECT :organization_id, :import_id, given.key, given.position
      FROM unnest(CAST(:keys AS text[]), CAST(:positions AS integer[])) AS given(key, position)
    ON CONFLICT DO NOTHING
    """
).bindparams(ORGANIZATION, IMPORT)

SET_OUTCOMES: Final = sa.text(
    """
    UPDATE import_rows
       SET outcome = given.outcome, user_id = given.user_id, changes = given.changes,
           errors = given.errors, applied = :applied
      FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(
           position integer, outcome text, user_id uuid, changes jsonb, errors jsonb)
     WHERE organization_id = :organization_id AND import_id = :import_id
       AND import_rows.position = given.position
    """
).bindparams(ORGANIZATION, IMPORT)

ADD_ERRORS: Final = sa.text(
    """
    UPDATE import_rows
       SET errors = import_rows.errors || given.errors,
           outcome = CASE WHEN :refuse THEN 'invalid' ELSE outcome END
      FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(position integer, errors jsonb)
     WHERE organization_id = :organization_id AND import_id = :import_id
       AND import_rows.position = given.position
    """
).bindparams(ORGANIZATION, IMPORT, sa.bindparam("refuse", type_=sa.Boolean))

SHOWN: Final = (
    sa.select(
        import_rows.c.position,
        import_rows.c.line,
        import_rows.c.cells,
        import_rows.c.outcome,
        import_rows.c.applied,
        import_rows.c.user_id,
        import_rows.c.changes,
        import_rows.c.errors,
    )
    .where(*OF_IMPORT, import_rows.c.position > sa.bindparam("after"))
    .order_by(import_rows.c.position)
    .limit(sa.bindparam("most"))
)
SHOWN_OF_OUTCOME: Final = SHOWN.where(import_rows.c.outcome == sa.bindparam("outcome"))


def as_json(batch: Iterable[Mapping[str, Any]]) -> str:
    """A batch as one parameter."""
    return orjson.dumps(list(batch)).decode()


def insert_json(uow: UnitOfWork, import_id: uuid.UUID, batch: str) -> None:
    """Stores a batch of rows, given in JSON as the child process wrote it."""
    uow.execute(INSERT, {**place(uow, import_id), "batch": batch})


def unplanned(uow: UnitOfWork, import_id: uuid.UUID, span: range) -> Sequence[Any]:
    """The rows at these positions that nothing is wrong with so far."""
    return _in_span(uow, import_id, UNPLANNED, span)


def planned(uow: UnitOfWork, import_id: uuid.UUID, span: range) -> Sequence[Any]:
    """The rows at these positions that are to be applied."""
    return _in_span(uow, import_id, PLANNED, span)


def _in_span(uow: UnitOfWork, import_id: uuid.UUID, statement: Any, span: range) -> Sequence[Any]:
    bounds = {"first": span.start, "last": span.stop - 1}
    return uow.execute(statement, {**place(uow, import_id), **bounds}).all()


def naming(uow: UnitOfWork, import_id: uuid.UUID, *, first: int, most: int) -> Sequence[Any]:
    """The next valid rows, from a position on, that name somebody."""
    parameters = {**place(uow, import_id), "first": first, "most": most}
    return uow.execute(NAMING, parameters).all()


def count_naming(uow: UnitOfWork, import_id: uuid.UUID) -> tuple[int, int]:
    """How many rows there are, and how many of them name somebody."""
    found = uow.execute(COUNT_NAMING, place(uow, import_id)).one()
    return found.rows, found.naming


def owners_of(uow: UnitOfWork, import_id: uuid.UUID, keys: Iterable[str]) -> dict[str, Any]:
    """The first row that has each key."""
    found = uow.execute(OWNERS_OF_KEYS, {**place(uow, import_id), "keys": list(keys)})
    return {row.key: row for row in found}


def claim(uow: UnitOfWork, import_id: uuid.UUID, positions: Mapping[str, int]) -> None:
    """Gives each key to a row, unless an earlier one has it."""
    keys, rows = list(positions), list(positions.values())
    uow.execute(CLAIM, {**place(uow, import_id), "keys": keys, "positions": rows})


def set_outcomes(
    uow: UnitOfWork, import_id: uuid.UUID, outcomes: Iterable[Mapping[str, Any]], *, applied: bool
) -> None:
    """Stores what becomes of rows: position, outcome, user_id, changes, errors."""
    batch = as_json(outcomes)
    uow.execute(SET_OUTCOMES, {**place(uow, import_id), "batch": batch, "applied": applied})


def add_errors(
    uow: UnitOfWork, import_id: uuid.UUID, errors: Mapping[int, Sequence[Any]], *, refuse: bool
) -> None:
    """Adds errors to rows by position; with `refuse` these rows become invalid as a whole."""
    if not errors:
        return
    batch = as_json({"position": at, "errors": list(found)} for at, found in errors.items())
    uow.execute(ADD_ERRORS, {**place(uow, import_id), "batch": batch, "refuse": refuse})


def page(
    uow: UnitOfWork, import_id: uuid.UUID, *, after: int, most: int, outcome: str | None = None
) -> Sequence[Any]:
    """Rows after a position, in the file's order."""
    parameters = {**place(uow, import_id), "after": after, "most": most}
    if outcome is None:
        return uow.execute(SHOWN, parameters).all()
    return uow.execute(SHOWN_OF_OUTCOME, {**parameters, "outcome": outcome}).all()
