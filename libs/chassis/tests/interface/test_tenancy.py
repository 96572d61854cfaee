import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from toy_service.storage import things

from chassis.config import sqlalchemy_url
from chassis.context import Operation
from chassis.database import SYSTEM

COUNT = sa.select(sa.func.count()).select_from(things)


@pytest.fixture
def mine(database, organization_id):
    """An organization with one thing, one event and one operation."""
    with database.unit_of_work(organization_id) as uow:
        uow.execute(things.insert(), {"organization_id": organization_id, "label": "mine"})
        uow.publish("rumour_spread", subject="one", data={})
        uow.record(Operation(uuid.uuid4(), "f"), {})
        uow.commit()
    return organization_id


@pytest.mark.parametrize("table", ["things", "outbox", "operations"])
def test_without_a_scope_no_row_is_seen(still, mine, table):
    engine = sa.create_engine(sqlalchemy_url(still.database.application))
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0  # noqa: S608 - our own words, values are parameters # nosec B608
    engine.dispose()
    assert still.sql(f"SELECT count(*) > 0 FROM {table}") == [(True,)]  # noqa: S608 - our own words, values are parameters # nosec B608


def test_an_organization_sees_its_own_rows_and_no_others(database, mine):
    with database.unit_of_work(mine) as uow:
        assert uow.execute(COUNT).scalar_one() == 1
    with database.unit_of_work(uuid.uuid4()) as uow:
        assert uow.execute(COUNT).scalar_one() == 0
    assert database.one_shot(uuid.uuid4(), "SELECT count(*) FROM things", {})[0][0] == 0


def test_the_systems_own_work_sees_all(database, mine):
    with database.unit_of_work(SYSTEM) as uow:
        found = uow.execute(sa.select(things.c.organization_id)).scalars().all()
    assert mine in found


def test_nobody_writes_for_another_organization(database, mine):
    other = uuid.uuid4()
    with database.unit_of_work(other) as uow, pytest.raises(ProgrammingError, match="row-level"):
        uow.execute(things.insert(), {"organization_id": mine, "label": "planted"})
    with database.unit_of_work(other) as uow:
        assert uow.rows_of(things.update().values(label="changed")).rowcount == 0
        assert uow.rows_of(things.delete()).rowcount == 0


def test_a_scope_ends_with_its_transaction(database, mine):
    with database.unit_of_work(mine) as uow:
        uow.execute(COUNT)
        uow.commit()
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM things").scalar() == 0


def test_what_was_not_committed_never_was(database, organization_id):
    with database.unit_of_work(organization_id) as uow:
        uow.execute(things.insert(), {"organization_id": organization_id, "label": "gone"})
        uow.publish("rumour_spread", subject="one", data={})
    with database.unit_of_work(organization_id) as uow:
        assert uow.execute(COUNT).scalar_one() == 0


def test_the_application_owns_nothing(still):
    statement = "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = relowner WHERE rolname LIKE '%%_app'"
    assert still.sql(statement) == [(0,)]
    engine = sa.create_engine(sqlalchemy_url(still.database.application))
    for forbidden in ("ALTER TABLE things DISABLE ROW LEVEL SECURITY", "DROP TABLE things",
                      "CREATE TABLE mine (id int)", "TRUNCATE things"):  # fmt: skip
        with engine.connect() as connection, pytest.raises(ProgrammingError):
            connection.exec_driver_sql(forbidden)
    engine.dispose()
