"""The pairs that files name. `upload` is the import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database import UnitOfWork
from import_service.domain import PairPlan, parts
from import_service.storage.imports import IMPORT, ORGANIZATION, place
from import_service.storage.rows import as_json, batch_of, own
from import_service.storage.tables import import_pairs

OWN: Final = import_pairs.c.organization_id == ORGANIZATION
OF_IMPORT: Final = (OWN, import_pairs.c.import_id == IMPORT)
# Pairs that are written or read by one statement, where there may be hundreds of thousands.
AT_ONCE: Final = 5000
POSITIONS: Final = sa.any_(sa.bindparam("positions", type_=ARRAY(sa.BigInteger)))

# A pair that is named again is the same pair. One that is named for being assigned is not ended by another row.
PUT: Final = sa.text(
    """
    INSERT INTO import_pairs AS present (
           organization_id, import_id, key, instructor_id, student_id, instructor_position,
           student_position, named_by_instructor, named_by_student, action, planned)
    SELECT :organization_id, :import_id, given.*
      FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS given(
           key text, instructor_id uuid, student_id uuid, instructor_position bigint,
           student_position bigint, named_by_instructor boolean, named_by_student boolean,
           action text, planned text)
    ON CONFLICT ON CONSTRAINT import_pairs_key DO UPDATE
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

# Who names whom, where the named person is yet to be created.
STUDENT_NAMES_NEWCOMER: Final = import_pairs.c.named_by_student & (
    import_pairs.c.instructor_id.is_(None)
)
INSTRUCTOR_NAMES_NEWCOMER: Final = import_pairs.c.named_by_instructor & (
    import_pairs.c.student_id.is_(None)
)
NAMES_NEWCOMER: Final = (
    sa.select(
        import_pairs.c.number,
        import_pairs.c.instructor_position,
        import_pairs.c.student_position,
        STUDENT_NAMES_NEWCOMER.label("by_student"),
        INSTRUCTOR_NAMES_NEWCOMER.label("by_instructor"),
    )
    .where(*OF_IMPORT, import_pairs.c.number > sa.bindparam("after"))
    .where(STUDENT_NAMES_NEWCOMER | INSTRUCTOR_NAMES_NEWCOMER)
    .order_by(import_pairs.c.number)
    .limit(AT_ONCE)
)
FORGET_WHAT_ONLY_THESE_NAME: Final = sa.text(
    """
    DELETE FROM import_pairs
     WHERE organization_id = :organization_id AND import_id = :import_id
       AND (instructor_position = ANY(:positions) OR student_position = ANY(:positions))
       AND NOT (named_by_instructor AND NOT instructor_position = ANY(:positions))
       AND NOT (named_by_student AND NOT student_position = ANY(:positions))
    """
).bindparams(ORGANIZATION, IMPORT)

WAITING: Final = (
    sa.select(import_pairs)
    .where(*OF_IMPORT, import_pairs.c.number > sa.bindparam("after"))
    .order_by(import_pairs.c.number)
    .limit(sa.bindparam("most"))
)
SET_OUTCOMES: Final = sa.text(
    """
    UPDATE import_pairs
       SET outcome = given.items -> CAST(number AS text) ->> 'outcome',
           instructor_id = CAST(given.items -> CAST(number AS text) ->> 'instructor_id' AS uuid),
           student_id = CAST(given.items -> CAST(number AS text) ->> 'student_id' AS uuid)
      FROM (SELECT CAST(:batch AS jsonb) AS items) AS given
     WHERE organization_id = :organization_id AND number = ANY(:keys)
    """
).bindparams(ORGANIZATION)
COUNT: Final = sa.select(sa.func.count()).select_from(import_pairs).where(*OF_IMPORT)
NAMED_BY: Final = (
    sa.select(
        import_pairs.c.instructor_id,
        import_pairs.c.student_id,
        import_pairs.c.instructor_position,
        import_pairs.c.student_position,
        import_pairs.c.named_by_instructor,
        import_pairs.c.named_by_student,
        import_pairs.c.planned,
        import_pairs.c.outcome,
    )
    .where(
        OWN,
        sa.or_(
            import_pairs.c.named_by_instructor & (import_pairs.c.instructor_position == POSITIONS),
            import_pairs.c.named_by_student & (import_pairs.c.student_position == POSITIONS),
        ),
    )
    .order_by(import_pairs.c.number)
)


def put(uow: UnitOfWork, upload: Any, pairs: Sequence[PairPlan]) -> None:
    """Stores pairs, merging them with those that earlier rows named."""
    for part in parts(pairs, AT_ONCE):
        batch = as_json(plain(upload, pair) for pair in part)
        uow.execute(PUT, {**place(uow, upload.id), "batch": batch})


def plain(upload: Any, pair: PairPlan) -> dict[str, Any]:
    """A pair as the table has it."""
    return {
        "key": f"{upload.number}/{pair.key}",
        "instructor_id": pair.instructor.user_id,
        "student_id": pair.student.user_id,
        "instructor_position": pair.instructor.position,
        "student_position": pair.student.position,
        "named_by_instructor": pair.named_by_instructor,
        "named_by_student": pair.named_by_student,
        "action": pair.action,
        "planned": pair.planned,
    }


def edges_to_newcomers(uow: UnitOfWork, upload: Any) -> Iterator[tuple[int, int]]:
    """(namer, named) positions wherever the named person is yet to be created."""
    after = 0
    while found := uow.execute(NAMES_NEWCOMER, {**place(uow, upload.id), "after": after}).all():
        for pair in found:
            if pair.by_student:
                yield pair.student_position, pair.instructor_position
            if pair.by_instructor:
                yield pair.instructor_position, pair.student_position
        after = found[-1].number


def forget_named_by(uow: UnitOfWork, upload: Any, positions: Sequence[int]) -> None:
    """Deletes the pairs that nobody names but these rows."""
    parameters = {**place(uow, upload.id), "positions": list(positions)}
    uow.execute(FORGET_WHAT_ONLY_THESE_NAME, parameters)


def waiting(uow: UnitOfWork, upload: Any, *, after: int, most: int) -> Sequence[Any]:
    """The next pairs after a number."""
    parameters = {**place(uow, upload.id), "after": after, "most": most}
    return uow.execute(WAITING, parameters).all()


def set_outcomes(uow: UnitOfWork, outcomes: Sequence[dict[str, Any]]) -> None:
    """Stores what became of pairs: number, outcome, instructor_id, student_id."""
    uow.execute(SET_OUTCOMES, own(uow, **batch_of(outcomes, "number")))


def count(uow: UnitOfWork, upload: Any) -> int:
    """How many pairs there are."""
    return int(uow.execute(COUNT, place(uow, upload.id)).scalar_one())


def named_by(uow: UnitOfWork, positions: Sequence[int]) -> Sequence[Any]:
    """The pairs that the rows at these positions name."""
    return uow.execute(NAMED_BY, own(uow, positions=list(positions))).all()
