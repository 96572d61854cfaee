"""What is asked in a new organization costs as much as it finds, whatever another one has that the statistics know.

As the service's own role: row level security adds conditions of its own to each statement.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from assignment_service import storage
from assignment_service.domain import Pair
from chassis.testing import ServiceProcess
from chassis.testing.plans import rows_read

ASSIGNMENTS = """
    INSERT INTO assignments (organization_id, id, instructor_id, student_id, source, assigned_at, assigned_by)
    SELECT %s::uuid, gen_random_uuid(), md5('instructor' || n %% 5)::uuid, md5('student' || n)::uuid, 'manual', now(),
           gen_random_uuid()
      FROM generate_series(1, %s) AS n
"""


def fill(service: ServiceProcess, count: int) -> uuid.UUID:
    organization_id = uuid.uuid4()
    service.sql(ASSIGNMENTS, (str(organization_id), count))
    return organization_id


@pytest.fixture(scope="module")
def new_one(service: ServiceProcess) -> uuid.UUID:
    """Two thousand assignments that came after the last ANALYZE of twenty thousand of another organization."""
    fill(service, 20_000)
    service.sql("ANALYZE")
    return fill(service, 2_000)


@pytest.fixture(scope="module")
def pairs(service: ServiceProcess, new_one: uuid.UUID) -> list[Pair]:
    statement = (
        "SELECT instructor_id::text, student_id::text FROM assignments "
        "WHERE organization_id = %s LIMIT 50"
    )
    rows = service.sql(statement, (str(new_one),))
    return [Pair(uuid.UUID(instructor), uuid.UUID(student)) for instructor, student in rows]


def test_many_pairs_are_each_looked_up(
    service: ServiceProcess, new_one: uuid.UUID, pairs: list[Pair]
) -> None:
    read = rows_read(service.database, new_one, lambda uow: storage.active_of(uow, pairs))
    assert read == len(pairs)


def test_many_pairs_are_each_ended(
    service: ServiceProcess, new_one: uuid.UUID, pairs: list[Pair]
) -> None:
    by, at = uuid.uuid4(), datetime.now(UTC)
    read = rows_read(service.database, new_one, lambda uow: storage.end(uow, pairs, by=by, at=at))
    assert read <= 2 * len(pairs)


def test_a_list_reads_no_more_than_it_shows(service: ServiceProcess, new_one: uuid.UUID) -> None:
    everything = storage.Filters(None, None, None, None)
    read = rows_read(
        service.database,
        new_one,
        lambda uow: storage.newest(uow, everything, before=None, limit=50),
    )
    assert read <= 50
