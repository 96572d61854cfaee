import pytest
import sqlalchemy as sa

from chassis.config import sqlalchemy_url
from chassis.database import SYSTEM, Database
from chassis.testing import ServiceProcess


def of_a_service(still: ServiceProcess) -> str:
    """The time zone of a fresh session of a service."""
    database = Database(sqlalchemy_url(still.database.application), service="toy")
    try:
        with database.unit_of_work(SYSTEM) as uow:
            return str(uow.execute(sa.text("SHOW timezone")).scalar_one())
    finally:
        database.close()


def of_a_command(still: ServiceProcess) -> str:
    """The time zone of a session that sets nothing itself."""
    return str(still.sql("SHOW timezone")[0][0])


def test_every_session_is_in_utc_whatever_the_servers_default(
    still: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = f'ALTER DATABASE "{still.database.name}"'
    still.sql(f"{default} SET timezone TO 'America/Winnipeg'")
    try:
        assert (of_a_service(still), of_a_command(still)) == ("UTC", "UTC")

        monkeypatch.delenv("PGTZ")
        assert (of_a_service(still), of_a_command(still)) == ("UTC", "America/Winnipeg")
    finally:
        still.sql(f"{default} RESET timezone")
