"""What is asked in a new organization costs as much as it finds, whatever another one has that the statistics know."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis.testing import ServiceProcess
from chassis.testing.plans import rows_read
from identity_service.storage import people, upsert

ORGANIZATION = """
    INSERT INTO organizations (organization_id, name, slug, time_zone)
    VALUES (%(organization)s, 'Large', %(organization)s, 'UTC')
"""
PEOPLE = """
    INSERT INTO users (organization_id, id, roles, first_name, last_name, email, username, username_key, external_id,
                       time_zone, status)
    SELECT %(organization)s::uuid, gen_random_uuid(), ARRAY['student'], 'Sam', 'Stone', 'p' || n || '@example.org',
           'user.' || n, 'user.' || n, 'X' || n, 'UTC', 'invited'
      FROM generate_series(1, %(count)s) AS n
"""
SOME = 60


def fill(service: ServiceProcess, count: int) -> uuid.UUID:
    organization_id = uuid.uuid4()
    for statement in (ORGANIZATION, PEOPLE):
        service.sql(statement, {"organization": str(organization_id), "count": count})
    return organization_id


@pytest.fixture(scope="module")
def new_one(service: ServiceProcess) -> uuid.UUID:
    """Two thousand people who came after the last ANALYZE of twenty thousand of another organization."""
    fill(service, 20_000)
    service.sql("ANALYZE")
    return fill(service, 2_000)


@pytest.mark.parametrize("for_update", [False, True])
def test_people_of_a_file_are_looked_up_name_by_name(
    service: ServiceProcess, new_one: uuid.UUID, for_update: bool
) -> None:
    keys = [
        key
        for n in range(1, SOME // 3 + 1)
        for key in (
            ("email", f"p{n}@example.org"),
            ("username", f"user.{n + 100}"),
            ("external_id", f"X{n + 200}"),
        )
    ]

    def find(uow: Any) -> None:
        assert len(upsert.find_named(uow, new_one, keys, for_update=for_update)) == len(keys)

    assert rows_read(service.database, new_one, find) <= 3 * len(keys)


def ids_of(service: ServiceProcess, organization_id: uuid.UUID) -> list[uuid.UUID]:
    statement = "SELECT id::text FROM users WHERE organization_id = %s LIMIT %s"
    return [uuid.UUID(row[0]) for row in service.sql(statement, (str(organization_id), SOME))]


def test_many_people_are_read_by_their_ids(service: ServiceProcess, new_one: uuid.UUID) -> None:
    ids = ids_of(service, new_one)
    for ask in (people.find_users, people.hold_users):
        read = rows_read(service.database, new_one, lambda uow, ask=ask: ask(uow, new_one, ids))
        assert read <= 2 * SOME


def test_many_people_are_changed_by_their_ids(service: ServiceProcess, new_one: uuid.UUID) -> None:
    changed = [
        {
            "id": one,
            "roles": ["student"],
            "first_name": "Sam",
            "last_name": "Stern",
            "email": f"{one}@example.org",
            "username": None,
            "external_id": None,
            "phone": None,
            "time_zone": "UTC",
            "status": "invited",
        }
        for one in ids_of(service, new_one)
    ]
    read = rows_read(
        service.database, new_one, lambda uow: upsert.change_people(uow, new_one, changed)
    )
    assert read <= 2 * SOME
