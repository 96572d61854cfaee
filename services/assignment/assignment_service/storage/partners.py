"""Whom many people are assigned to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

from assignment_service.domain import Pair, Role
from assignment_service.storage.states import ORGANIZATION
from chassis.database import Database

# A lookup per person, LATERAL with a LIMIT, in an organization the planner doesn't know: see storage.states. coalesce
# keeps it from the index of active pairs, which for a student means reading all of it; the index of the half that is
# asked for has the other half in order. The place among the people is an order too, so reading ends with the page.
ACTIVE_PAIRS: Final = f"""
    SELECT found.instructor_id, found.student_id
      FROM unnest(%(people)s::uuid[], %(since)s::uuid[])
           WITH ORDINALITY AS person(id, since, place)
     CROSS JOIN LATERAL (
           SELECT a.instructor_id, a.student_id FROM assignments a
            WHERE a.organization_id = {ORGANIZATION} AND a.{{own}} = person.id
              AND a.{{other}} >= person.since AND coalesce(a.ended_at, 'infinity') = 'infinity'
            ORDER BY a.{{other}} LIMIT %(limit)s) found
     ORDER BY person.place, found.{{other}} LIMIT %(limit)s
"""  # noqa: S608 - our own words # nosec B608

ACTIVE_PAIRS_OF: Final = {
    Role.INSTRUCTOR: ACTIVE_PAIRS.format(own="instructor_id", other="student_id"),
    Role.STUDENT: ACTIVE_PAIRS.format(own="student_id", other="instructor_id"),
}

FIRST: Final = uuid.UUID(int=0)


def active_pairs_of(
    database: Database,
    organization_id: uuid.UUID,
    role: Role,
    people: Iterable[uuid.UUID],
    *,
    start: Pair | None,
    limit: int,
) -> list[Pair]:
    """Up to `limit` active pairs of these instructors, or these students, from `start` on."""
    parameters = {"organization_id": str(organization_id), "limit": limit}
    places = places_of(role, people, start)
    rows = database.one_shot(organization_id, ACTIVE_PAIRS_OF[role], {**parameters, **places})
    return [Pair(*row) for row in rows]


def places_of(role: Role, people: Iterable[uuid.UUID], start: Pair | None) -> dict[str, Any]:
    """The people in the order of their ids, each once, and from which partner on to read of each."""
    first, partner = (start or (FIRST, FIRST))[:: 1 if role is Role.INSTRUCTOR else -1]
    ordered = [person for person in sorted(set(people)) if person >= first]
    return {
        "people": [str(person) for person in ordered],
        "since": [str(partner if person == first else FIRST) for person in ordered],
    }
