"""What the decision about pairs rests on, read in one round trip: the hottest statements of the system."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from assignment_service.domain import Pair, PairState
from chassis.database import Database
from chassis.prepared import Prepared

# Each lookup is a LATERAL of its own with a LIMIT, which the planner can't merge into a join: on tables without
# statistics yet (a first upload) it takes an organization for one row and would compare every pair with every row.
# For the same reason it must not know which organization it is: of one that is new since the last ANALYZE it expects a
# single row, and then takes any index that starts with the organization and reads all of it for every pair. A subquery
# hides the value, so that it goes by the average.
ORGANIZATION: Final = "(SELECT %(organization_id)s::uuid)"
PAIR_STATE: Final = """
    SELECT active.id AS assignment_id,
           active.id IS NULL AND ended.found IS NOT NULL AS was_assigned,
           instructor.fits AS instructor_fits, instructor.is_archived AS instructor_archived,
           student.fits AS student_fits, student.is_archived AS student_archived
      FROM {pairs} AS pair(instructor_id, student_id, place)
      LEFT JOIN LATERAL (
           SELECT a.id FROM assignments a
            WHERE a.organization_id = {organization} AND a.instructor_id = pair.instructor_id
              AND a.student_id = pair.student_id AND a.ended_at IS NULL LIMIT 1) active ON true
      LEFT JOIN LATERAL (
           SELECT true AS found FROM assignments a
            WHERE a.organization_id = {organization} AND a.instructor_id = pair.instructor_id
              AND a.student_id = pair.student_id AND active.id IS NULL LIMIT 1) ended ON true
      LEFT JOIN LATERAL (
           SELECT p.is_instructor AS fits, p.is_archived FROM participants p
            WHERE p.organization_id = {organization} AND p.id = pair.instructor_id LIMIT 1) instructor ON true
      LEFT JOIN LATERAL (
           SELECT p.is_student AS fits, p.is_archived FROM participants p
            WHERE p.organization_id = {organization} AND p.id = pair.student_id LIMIT 1) student ON true
"""

STATE_OF_PAIR: Final = Prepared(
    "state_of_pair",
    {"organization_id": "uuid", "instructor_id": "uuid", "student_id": "uuid"},
    PAIR_STATE.format(
        pairs="(VALUES (:instructor_id, :student_id, 1))", organization=":organization_id"
    ),
)

STATES_OF_PAIRS: Final = (
    PAIR_STATE.format(
        pairs="unnest(%(instructor_ids)s::uuid[], %(student_ids)s::uuid[]) WITH ORDINALITY",
        organization=ORGANIZATION,
    )
    + " ORDER BY pair.place"
)


def state_of(database: Database, organization_id: uuid.UUID, pair: Pair) -> PairState:
    """The state of one pair."""
    ids = {
        "organization_id": str(organization_id),
        "instructor_id": str(pair.instructor_id),
        "student_id": str(pair.student_id),
    }
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
