"""What is asked in a new organization costs as much as it finds, whatever another one has that the statistics know."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from booking_service import storage
from chassis.testing.plans import rows_read

LATER = datetime.now(UTC) + timedelta(days=1)
PEOPLE = """
    INSERT INTO participants (organization_id, id, roles, status, version)
    SELECT %(organization)s::uuid, md5(role || n)::uuid, ARRAY[role], 'active', 1
      FROM generate_series(0, %(count)s / 10) AS n, unnest(ARRAY['instructor', 'student']) AS role
"""
SESSIONS = """
    INSERT INTO sessions (organization_id, id, instructor_id, student_id, starts_at, ends_at, time_zone, wall_clock,
                          status, allow_overlap, booked_by, booked_by_admin, created_at, updated_at, version)
    SELECT %(organization)s::uuid, gen_random_uuid(), md5('instructor' || n %% 7)::uuid,
           md5('student' || n %% (%(count)s / 10))::uuid, at, at + interval '1 hour', 'UTC', now(),
           CASE n %% 1000 WHEN 0 THEN 'cancelled' ELSE 'scheduled' END, true, gen_random_uuid(), true, now(), now(), 1
      FROM (SELECT n, now() + n * interval '1 hour' AS at FROM generate_series(24, 23 + %(count)s) AS n) AS slots
"""


def fill(service, count):
    organization_id = uuid.uuid4()
    for statement in (PEOPLE, SESSIONS):
        service.sql(statement, {"organization": str(organization_id), "count": count})
    return organization_id


@pytest.fixture(scope="module")
def large_one(service):
    """Twenty thousand sessions that the statistics know."""
    organization_id = fill(service, 20_000)
    service.sql("ANALYZE")
    return organization_id


@pytest.fixture(scope="module")
def new_one(service, large_one):
    """Two thousand that came after the last ANALYZE."""
    return fill(service, 2_000)


def test_the_coming_sessions_of_many_pairs_are_looked_up_pair_by_pair(service, new_one):
    statement = (
        "SELECT instructor_id::text, student_id::text, count(*) FROM sessions "
        "WHERE organization_id = %s GROUP BY 1, 2 LIMIT 20"
    )
    rows = service.sql(statement, (str(new_one),))
    pairs = [(uuid.UUID(instructor), uuid.UUID(student)) for instructor, student, _ in rows]
    read = rows_read(
        service.database,
        new_one,
        lambda uow: storage.future_sessions_of_pairs(
            uow, pairs, after=datetime.now(UTC), booked_until=LATER
        ),
    )
    # A student has ten sessions with several instructors.
    assert read <= len(pairs) * 10 + 2 * sum(count for *_, count in rows)


def test_a_list_reads_no_more_than_it_shows(service, new_one):
    read = rows_read(
        service.database,
        new_one,
        lambda uow: storage.list_sessions(uow, {}, of_person=None, after=None, limit=50),
    )
    assert read <= 2 * 50


def test_a_list_of_the_few_cancelled_sessions_does_not_read_the_others(service, large_one):
    filters = {"status": "cancelled"}
    read = rows_read(
        service.database,
        large_one,
        lambda uow: storage.list_sessions(uow, filters, of_person=None, after=None, limit=50),
    )
    assert 0 < read <= 2 * 50
