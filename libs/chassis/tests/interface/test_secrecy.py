"""What people wrote stays out of the logs when a statement fails: ours, and PostgreSQL's own."""

import json
import logging
import uuid

import psycopg2
import pytest
import sqlalchemy as sa
from toy_service.storage import arrivals

from chassis import logs
from chassis.prepare import LOGGING

SECRET = "Dear Ada, the number is 1815"  # nosec B105 # made up for a test


def line_about(action, capsys):
    """The log's line about an error that the action raises, written as Nameko does: with the error in its text, too."""
    before = logging.getLogger().handlers[:]
    logs.configure("INFO", service="toy")
    try:
        try:
            action()
        except Exception as error:
            log = logging.getLogger("anybody")
            log.error("error handling %s: %s", "worker", error, exc_info=True)  # noqa: G201
    finally:
        logging.getLogger().handlers = before
    return json.loads(capsys.readouterr().out)


def trace_from(action, capsys):
    """What the log has of an error that the action raises."""
    return line_about(action, capsys)["exception"]


@pytest.fixture
def fail(database, organization_id):
    """Runs a statement that PostgreSQL can't make sense of, and quotes."""

    def read():
        with database.unit_of_work(organization_id) as uow:
            uow.execute(sa.text("SELECT CAST(:number AS integer)"), {"number": SECRET})

    return read


def test_postgresql_quotes_what_it_can_not_read(fail):
    with pytest.raises(sa.exc.DataError, match=SECRET):
        fail()


def test_what_postgresql_quotes_is_not_in_a_librarys_line_either(fail, capsys):
    line = line_about(fail, capsys)
    assert line["event"] == "error handling worker: DataError: 22P02"
    assert SECRET not in json.dumps(line)


def test_what_a_row_violates_is_named_in_the_trace(database, organization_id, capsys):
    def store():
        with database.unit_of_work(organization_id) as uow:
            uow.execute(arrivals.insert(), {"organization_id": organization_id})

    assert "23502 arrivals event_id" in trace_from(store, capsys)


def test_what_postgresql_quotes_is_not_in_the_trace_but_its_code_is(fail, capsys):
    trace = trace_from(fail, capsys)
    assert SECRET not in trace
    assert "DataError: 22P02" in trace


@pytest.mark.parametrize(
    "action",
    [lambda: int(SECRET), lambda: {}[SECRET], lambda: uuid.UUID(SECRET)],
    ids=["int", "key", "uuid"],
)
def test_an_error_that_quotes_its_input_is_shown_without_its_text(action, capsys):
    trace = trace_from(action, capsys)
    assert SECRET not in trace
    assert "test_secrecy.py" in trace


def test_errors_behind_an_error_are_shown_as_carefully(fail, capsys):
    def again():
        try:
            fail()
        except sa.exc.DataError as error:
            raise RuntimeError("the second of two") from error

    trace = trace_from(again, capsys)
    assert trace.index("22P02") < trace.index("the second of two")
    assert SECRET not in trace


@pytest.mark.parametrize("setting", LOGGING)
def test_postgresql_is_told_not_to_log_what_a_services_statements_say(still, setting):
    for url in (still.database.application, still.database.owner):
        connection = psycopg2.connect(url)
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == (LOGGING[setting],)
        connection.close()
