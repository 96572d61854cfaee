"""What the decision about pairs rests on, read in one round trip: the hottest statements of the system."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from assignment_service.domain import Pair, PairState
from chassis.database import Database
from chassis.prepared import Prepared

PAIR_STATE: Final = """
    SELECT a.id AS assignment_id,
           a.id IS NULL AND EXISTS (
               SELECT FROM assignments e
                WHERE e.organization_id = {organization} AND e.instructor_id = {instructor}
                  AND e.student_id = {student} AND e.ended_at IS NOT NULL
           ) AS was_assigned,
           i.is_instructor AS instructor_fits, i.is_archived AS instructor_archived,
           s.is_student AS student_fits, s.is_archived AS student_archived
      FROM {pairs}
      LEFT JOIN assignments a ON a.organization_id = {organization}
           AND a.instructor_id = {instructor} AND a.student_id = {student} AND a.ended_at IS NULL
      LEFT JOIN participants i ON i.organization_id = {organization} AND i.id = {instructor}
      LEFT JOIN participants s ON s.organization_id = {organization} AND s.id = {student}
"""

STATE_OF_PAIR: Final = Prepared(
    "state_of_pair",
    ("uuid", "uuid", "uuid"),
    PAIR_STATE.format(pairs="(SELECT) AS once", organization="$1", instructor="$2", student="$3"),
)

STATES_OF_PAIRS: Final = (
    PAIR_STATE.format(
        pairs="unnest(%(instructor_ids)s::uuid[], %(student_ids)s::uuid[]) WITH ORDINALITY "
        "AS pair(instructor_id, student_id, place)",
        organization="%(organization_id)s",
        instructor="pair.instructor_id",
        student="pair.student_id",
    )
    + " ORDER BY pair.place"
)


def state_of(database: Database, organization_id: uuid.UUID, pair: Pair) -> PairState:
    """The state of one pair."""
    ids = str(organization_id), str(pair.instructor_id), str(pair.student_id)
    rows = database.read(organization_id, STATE_OF_PAIR, ids)
    return PairState(*rows[0])


def states_of(
    database: Database, organization_id: uuid.UUID, pairs: Sequence[Pair]
) -> list[PairState]:
    """The states of many, in order."""
    rows = database.one_shot(
        organization_id,
        STATES_OF_PAIRS,
        {"organization_id": str(organization_id), **arrays_of(pairs)},
    )
    return [PairState(*row) for row in rows]


def arrays_of(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """The pairs as two parallel arrays."""
    return {
        "instructor_ids": [str(pair.instructor_id) for pair in pairs],
        "student_ids": [str(pair.student_id) for pair in pairs],
    }
