"""Statements that take a person out of what was uploaded.

They read all of an organization's rows: nothing is indexed by people, as importing writes much and erasing is rare.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database import UnitOfWork
from import_service.storage.imports import ORGANIZATION
from import_service.storage.rows import own
from import_service.storage.tables import imports

# A row may have 300,000 characters.
MOST_ROWS: Final = 10
ERASED_ROW: Final = {
    "column": None,
    "code": "import.erased",
    "detail": "The person of this row was erased.",
}

# Its rows are about to be stored: what they say of the person can't be taken out before that.
IS_READING: Final = (
    sa.select(imports.c.id)
    .where(imports.c.organization_id == ORGANIZATION)
    .where(imports.c.status == "reading", imports.c.step == "read")
    .limit(1)
)
# Whoever is in the middle of a chunk finds another revision, and reads the rows again.
REVISE: Final = sa.text(
    """
    WITH unfinished AS MATERIALIZED (
        SELECT id FROM imports
         WHERE organization_id = :organization_id AND status IN ('reading', 'planned', 'applying', 'cancelled')
         ORDER BY id FOR UPDATE
    )
    UPDATE imports SET revision = revision + 1
     WHERE organization_id = :organization_id AND id IN (SELECT id FROM unfinished)
    """
).bindparams(ORGANIZATION)

# The rows stay where they are, and what was done with them is still counted.
FORGET_ROWS: Final = sa.text(
    """
    UPDATE import_rows
       SET cells = (SELECT coalesce(jsonb_agg(CAST('' AS text)), '[]') FROM jsonb_array_elements(cells)),
           person = '{}', instructors = '[]', students = '[]', known_as = '[]',
           changes = CASE WHEN applied THEN changes END,
           outcome = CASE WHEN applied THEN outcome ELSE 'invalid' END,
           errors = CASE WHEN applied AND outcome <> 'invalid' THEN CAST('[]' AS jsonb)
                         ELSE CAST(:errors AS jsonb) END
     WHERE organization_id = :organization_id AND cells <> '[]'
       AND (user_id = :person_id OR jsonb_exists_any(known_as, :keys))
    """
).bindparams(
    ORGANIZATION,
    sa.bindparam("keys", type_=ARRAY(sa.Text)),
    sa.bindparam("person_id", type_=sa.Uuid),
)
FORGET_KEYS: Final = sa.text(
    """
    DELETE FROM import_keys
     WHERE organization_id = :organization_id AND substr(key, strpos(key, '/') + 1) = ANY(:keys)
    """
).bindparams(ORGANIZATION, sa.bindparam("keys", type_=ARRAY(sa.Text)))

# A file that was read is of no more use, one that was never started is not going to be.
FORGET_FILES: Final = sa.text(
    """
    DELETE FROM import_chunks AS content USING imports
     WHERE content.organization_id = :organization_id AND imports.organization_id = :organization_id
       AND imports.id = content.import_id
       AND (imports.detected IS NOT NULL OR imports.status <> 'reading'
            OR (imports.step IS NULL AND imports.created_at < now() - interval '1 day'))
    """
).bindparams(ORGANIZATION)

NAMING: Final = sa.text(
    """
    SELECT position, import_id, cells, instructors, students, errors FROM import_rows
     WHERE organization_id = :organization_id AND position > :after
       AND EXISTS (SELECT FROM unnest(:words) AS word
                    WHERE strpos(lower(CAST(cells AS text)), word) > 0
                       OR strpos(lower(CAST(errors AS text)), word) > 0)
     ORDER BY position LIMIT :most
    """
).bindparams(ORGANIZATION, sa.bindparam("words", type_=ARRAY(sa.Text)))
REPLACE: Final = sa.text(
    """
    UPDATE import_rows
       SET cells = given.items -> CAST(position AS text) -> 'cells',
           instructors = given.items -> CAST(position AS text) -> 'instructors',
           students = given.items -> CAST(position AS text) -> 'students',
           errors = given.items -> CAST(position AS text) -> 'errors'
      FROM (SELECT CAST(:batch AS jsonb) AS items) AS given
     WHERE organization_id = :organization_id AND position = ANY(:positions)
    """
).bindparams(ORGANIZATION, sa.bindparam("positions", type_=ARRAY(sa.BigInteger)))
DETECTED: Final = sa.select(imports.c.id, imports.c.detected).where(
    imports.c.organization_id == ORGANIZATION, imports.c.detected.is_not(None)
)


def is_reading(uow: UnitOfWork) -> bool:
    """Whether a file of the organization is being read just now."""
    return uow.execute(IS_READING, own(uow)).first() is not None


def revise(uow: UnitOfWork) -> None:
    """Holds all imports that may still store something, and makes what is under way begin its chunk again."""
    uow.execute(REVISE, own(uow))


def forget_rows(uow: UnitOfWork, person_id: uuid.UUID, keys: Iterable[str]) -> None:
    """Empties the rows that are about the person; of those yet to be applied nothing will be."""
    about = own(uow, person_id=person_id, keys=list(keys))
    uow.execute(FORGET_ROWS, {**about, "errors": orjson.dumps([ERASED_ROW]).decode()})


def forget_keys(uow: UnitOfWork, keys: Iterable[str]) -> None:
    """Forgets which rows had these keys."""
    uow.execute(FORGET_KEYS, own(uow, keys=list(keys)))


def forget_files(uow: UnitOfWork) -> None:
    """Deletes the organization's uploaded files but for those whose rows are not stored yet."""
    uow.execute(FORGET_FILES, own(uow))


def list_columns(uow: UnitOfWork) -> dict[uuid.UUID, list[int]]:
    """By import, the places of the cells that name other people."""
    return {
        row.id: [
            place
            for place, column in enumerate(row.detected["columns"])
            if column["field"] in {"instructors", "students"}
        ]
        for row in uow.execute(DETECTED, own(uow))
    }


def naming(uow: UnitOfWork, words: Sequence[str]) -> Iterator[Sequence[Any]]:
    """The rows of which a cell or an error contains one of the words, a few at a time."""
    after = -1
    lowered = [word.lower() for word in words]
    while True:
        about = own(uow, words=lowered, after=after, most=MOST_ROWS)
        found = uow.execute(NAMING, about).all()
        if found:
            yield found
        if len(found) < MOST_ROWS:
            return
        after = found[-1].position


def replace(uow: UnitOfWork, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Stores cells, lists and errors of rows by position."""
    batch = orjson.dumps({str(at): row for at, row in rows.items()}).decode()
    uow.execute(REPLACE, own(uow, batch=batch, positions=list(rows)))
