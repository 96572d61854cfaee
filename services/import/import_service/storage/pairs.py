"""The pairs that files name."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database import UnitOfWork
from import_service.domain import PairPlan
from import_service.storage.imports import IMPORT, ORGANIZATION, place
from import_service.storage.rows import as_json
from import_service.storage.tables import import_pairs

OF_IMPORT: Final = (
    import_pairs.c.organization_id == ORGANIZATION,
    import_pairs.c.import_id == IMPORT,
)

# A pair that is named again is the same pair. One that is named for being assigned is not ended by another row.
PUT: Final = sa.text(
    """
    INSERT INTO import_pairs AS present (
           organization_id, import_id, instructor_key, student_key, instructor_id, student_id,
           instructor_position, student_position, named_by_instructor, named_by_student, action, planned)
    SELECT :organization_id, :import_id, given.*
      FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(
           instructor_key text, student_key text, instructor_id uuid, student_id uuid,
           instructor_position integer, student_position integer,
           named_by_instructor boolean, named_by_student boolean, action text, planned text)
    ON CONFLICT ON CONSTRAINT import_pairs_pkey DO UPDATE
       SET action = excluded.action, planned = excluded.planned,
           instructor_position = coalesce(present.instructor_position, excluded.instructor_position),
           student_position = coalesce(present.student_position, excluded.student_position),
           named_by_instructor = excluded.named_by_instructor
               OR (present.action = excluded.action AND present.named_by_instructor),
           named_by_student = excluded.named_by_student
               OR (present.action = excluded.action AND present.named_by_student)
     WHERE present.action = excluded.action OR excluded.action = 'assign'
    """
).bindparams(ORGANIZATION, IMPORT)

# Rows that name somebody who will not be created can't be done as a whole, and so on to those who name these.
# A person who is known already may be named however invalid their own row is.
REFUSE_NAMERS: Final = sa.text(
    """
    WITH RECURSIVE fallen(position, because) AS (
        SELECT position, NULL::integer FROM import_rows
         WHERE organization_id = :organization_id AND import_id = :import_id
           AND outcome = 'invalid' AND user_id IS NULL
        UNION
        SELECT named.position, fallen.position
          FROM fallen
          JOIN LATERAL (
               SELECT student_position AS position FROM import_pairs
                WHERE organization_id = :organization_id AND import_id = :import_id
                  AND instructor_position = fallen.position AND instructor_id IS NULL AND named_by_student
                UNION ALL
               SELECT instructor_position FROM import_pairs
                WHERE organization_id = :organization_id AND import_id = :import_id
                  AND student_position = fallen.position AND student_id IS NULL AND named_by_instructor
               ) AS named ON true
    ), reasons AS (
        SELECT fallen.position, min(because.line) AS line
          FROM fallen JOIN import_rows AS because ON because.organization_id = :organization_id
               AND because.import_id = :import_id AND because.position = fallen.because
         GROUP BY fallen.position
    )
    UPDATE import_rows
       SET outcome = 'invalid',
           errors = errors || jsonb_build_array(jsonb_build_object(
               'column', NULL, 'code', 'import.invalid_reference',
               'detail', format('Names the person on line %s, which is invalid.', reasons.line)))
      FROM reasons
     WHERE organization_id = :organization_id AND import_id = :import_id
       AND import_rows.position = reasons.position AND outcome <> 'invalid'
    """
).bindparams(ORGANIZATION, IMPORT)

FORGET_WHAT_INVALID_ROWS_NAME: Final = sa.text(
    """
    WITH judged AS (
        SELECT pair.number,
               pair.named_by_instructor AND instructor.outcome <> 'invalid' AS by_instructor,
               pair.named_by_student AND student.outcome <> 'invalid' AS by_student
          FROM import_pairs AS pair
          LEFT JOIN import_rows AS instructor ON instructor.organization_id = pair.organization_id
               AND instructor.import_id = pair.import_id AND instructor.position = pair.instructor_position
          LEFT JOIN import_rows AS student ON student.organization_id = pair.organization_id
               AND student.import_id = pair.import_id AND student.position = pair.student_position
         WHERE pair.organization_id = :organization_id AND pair.import_id = :import_id
    )
    DELETE FROM import_pairs USING judged
     WHERE organization_id = :organization_id AND import_id = :import_id
       AND import_pairs.number = judged.number
       AND NOT coalesce(by_instructor, false) AND NOT coalesce(by_student, false)
    """
).bindparams(ORGANIZATION, IMPORT)

# Those that were created meanwhile have ids by now. `alive` says whether a row that names the pair was applied.
WAITING: Final = sa.text(
    """
    SELECT pair.number, pair.action, pair.named_by_instructor, pair.named_by_student,
           pair.instructor_position, pair.student_position,
           coalesce(pair.instructor_id, instructor.user_id) AS instructor_id,
           coalesce(pair.student_id, student.user_id) AS student_id,
           coalesce(pair.named_by_instructor AND instructor.outcome <> 'invalid', false)
           OR coalesce(pair.named_by_student AND student.outcome <> 'invalid', false) AS alive
      FROM import_pairs AS pair
      LEFT JOIN import_rows AS instructor ON instructor.organization_id = pair.organization_id
           AND instructor.import_id = pair.import_id AND instructor.position = pair.instructor_position
      LEFT JOIN import_rows AS student ON student.organization_id = pair.organization_id
           AND student.import_id = pair.import_id AND student.position = pair.student_position
     WHERE pair.organization_id = :organization_id AND pair.import_id = :import_id
       AND pair.number > :after
     ORDER BY pair.number
     LIMIT :most
    """
).bindparams(ORGANIZATION, IMPORT)

SET_OUTCOMES: Final = sa.text(
    """
    UPDATE import_pairs
       SET outcome = given.outcome, instructor_id = given.instructor_id, student_id = given.student_id
      FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(
           number bigint, outcome text, instructor_id uuid, student_id uuid)
     WHERE organization_id = :organization_id AND import_id = :import_id
       AND import_pairs.number = given.number
    """
).bindparams(ORGANIZATION, IMPORT)

COUNT: Final = sa.select(sa.func.count()).select_from(import_pairs).where(*OF_IMPORT)
NAMED_BY: Final = (
    sa.select(import_pairs)
    .where(
        *OF_IMPORT,
        sa.or_(
            import_pairs.c.named_by_instructor
            & (
                import_pairs.c.instructor_position
                == sa.any_(sa.bindparam("positions", type_=ARRAY(sa.Integer)))
            ),
            import_pairs.c.named_by_student
            & (
                import_pairs.c.student_position
                == sa.any_(sa.bindparam("positions", type_=ARRAY(sa.Integer)))
            ),
        ),
    )
    .order_by(import_pairs.c.number)
)


def put(uow: UnitOfWork, import_id: uuid.UUID, pairs: Iterable[PairPlan]) -> None:
    """Stores pairs, merging them with those that earlier rows named."""
    batch = [plain(pair) for pair in pairs]
    if batch:
        uow.execute(PUT, {**place(uow, import_id), "batch": as_json(batch)})


def plain(pair: PairPlan) -> dict[str, Any]:
    """A pair as the table has it."""
    instructor_key, student_key = pair.keys
    return {
        "instructor_key": instructor_key,
        "student_key": student_key,
        "instructor_id": pair.instructor.user_id,
        "student_id": pair.student.user_id,
        "instructor_position": pair.instructor.position,
        "student_position": pair.student.position,
        "named_by_instructor": pair.named_by_instructor,
        "named_by_student": pair.named_by_student,
        "action": pair.action,
        "planned": pair.planned,
    }


def refuse_namers_of_invalid_rows(uow: UnitOfWork, import_id: uuid.UUID) -> None:
    """Makes rows invalid that name people who won't exist, and forgets the pairs that only invalid rows name."""
    uow.execute(REFUSE_NAMERS, place(uow, import_id))
    uow.execute(FORGET_WHAT_INVALID_ROWS_NAME, place(uow, import_id))


def waiting(uow: UnitOfWork, import_id: uuid.UUID, *, after: int, most: int) -> Sequence[Any]:
    """The next pairs after a number, with the ids that their people have now."""
    parameters = {**place(uow, import_id), "after": after, "most": most}
    return uow.execute(WAITING, parameters).all()


def set_outcomes(
    uow: UnitOfWork, import_id: uuid.UUID, outcomes: Iterable[Mapping[str, Any]]
) -> None:
    """Stores what became of pairs: number, outcome, instructor_id, student_id."""
    uow.execute(SET_OUTCOMES, {**place(uow, import_id), "batch": as_json(outcomes)})


def count(uow: UnitOfWork, import_id: uuid.UUID) -> int:
    """How many pairs there are."""
    return int(uow.execute(COUNT, place(uow, import_id)).scalar_one())


def named_by(uow: UnitOfWork, import_id: uuid.UUID, positions: Sequence[int]) -> Sequence[Any]:
    """The pairs that the rows at these positions name."""
    return uow.execute(NAMED_BY, {**place(uow, import_id), "positions": list(positions)}).all()
