"""Prepared reads on a real server: confined, and not upset by connections that died or queries that were cut short."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2 import sql
from sqlalchemy.exc import DBAPIError

from chassis.config import libpq_url, sqlalchemy_url
from chassis.database import SYSTEM, Database, TookTooLong
from chassis.errors import Unavailable
from chassis.prepared import Prepared

SCOPE = Prepared(
    "scope_and_echo",
    {"word": "text"},
    "SELECT nullif(current_setting('app.organization_id', true), ''), :word, current_setting('enable_seqscan')",
)
SLOW = Prepared("slow", {"seconds": "float8"}, "SELECT 1 FROM pg_sleep(:seconds)")
BROKEN = Prepared("broken", {}, "SELECT 1 / 0")
PERCENT = Prepared("percent", {"word": "text"}, "SELECT :word LIKE 'a%'")


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database(sqlalchemy_url(os.environ["DATABASE_URL"]), service="test", connections=2)
    yield database
    database.close()


def end_connections_of(database: Database) -> None:
    """As a restart of the server would: the pool still holds the dead connections."""
    pids = [database.one_shot(SYSTEM, "SELECT pg_backend_pid()", {})[0][0]]
    admin = psycopg2.connect(libpq_url(sqlalchemy_url(os.environ["DATABASE_URL"])))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid"), (pids,)
        )
    admin.close()


def test_a_read_is_confined_to_its_scope_and_leaves_no_trace(database: Database) -> None:
    organization = uuid.uuid4()
    for word in ("a", "b"):
        assert database.read(organization, SCOPE, {"word": word}) == [
            (str(organization), word, "off")
        ]
    assert database.read(SYSTEM, SCOPE, {"word": "c"})[0][0] is None
    left = database.one_shot(SYSTEM, "SELECT current_setting('enable_seqscan')", {})
    assert left[0][0] == "on"


def test_a_dead_connection_is_replaced(database: Database) -> None:
    database.read(SYSTEM, SCOPE, {"word": "a"})
    end_connections_of(database)
    assert database.read(SYSTEM, SCOPE, {"word": "b"})[0][1] == "b"


def test_a_failed_read_fails_alone(database: Database) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match="division by zero"):
            database.read(SYSTEM, BROKEN, {})
        assert database.read(SYSTEM, SCOPE, {"word": "a"})[0][1] == "a"


def test_a_read_that_takes_too_long_is_unavailable_and_forgotten(database: Database) -> None:
    assert database.read(SYSTEM, SLOW, {"seconds": 0}) == [(1,)]
    with pytest.raises(Unavailable, match=r"database\.timeout"):
        database.read(SYSTEM, SLOW, {"seconds": 30})
    assert database.read(SYSTEM, SLOW, {"seconds": 0}) == [(1,)]


def test_a_server_that_is_away_is_unavailable() -> None:
    database = Database("postgresql+psycopg2://nobody:x@127.0.0.1:1/nothing", service="test")
    with pytest.raises(Unavailable, match=r"database\.unavailable"):
        database.read(SYSTEM, SCOPE, {"word": "a"})


def test_percent_signs_are_the_statements_own(database: Database) -> None:
    assert database.read(SYSTEM, PERCENT, {"word": "abc"}) == [(True,)]


def test_a_plan_is_made_anew_after_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared_at = "SELECT prepare_time FROM pg_prepared_statements WHERE name = 'scope_and_echo'"

    def planned() -> object:
        database.read(SYSTEM, SCOPE, {"word": "a"})
        return database.one_shot(SYSTEM, prepared_at, {})[0][0]

    first = planned()
    assert planned() == first
    monkeypatch.setattr("chassis.prepared.PLAN_SECONDS", 0.0)
    assert planned() > first  # type: ignore[operator]


def test_a_statement_that_takes_too_long_leaves_the_transaction_as_it_was(
    database: Database,
) -> None:
    for first in (True, False):
        with database.unit_of_work(SYSTEM) as uow:
            if not first:
                uow.execute(sa.text("SELECT 1"))
            with pytest.raises(TookTooLong), uow.brief(0.05):
                uow.run(SLOW, {"seconds": 5})
            assert uow.execute(sa.text("SHOW statement_timeout")).scalar_one() == "4s"
            assert uow.run(PERCENT, {"word": "abc"}).scalar_one() is True


def test_a_brief_statement_answers_and_other_errors_stay_what_they_are(database: Database) -> None:
    with database.unit_of_work(SYSTEM) as uow:
        with uow.brief(5):
            assert uow.run(PERCENT, {"word": "abc"}).scalar_one() is True
        assert uow.execute(sa.text("SHOW statement_timeout")).scalar_one() == "4s"
        with pytest.raises(DBAPIError), uow.brief(5):
            uow.run(BROKEN, {})
        assert uow.run(PERCENT, {"word": "abc"}).scalar_one() is True
