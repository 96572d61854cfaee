"""Several servers in an address: what does not answer is passed over, what takes no writes is let go."""

import os
import socket
import time
import uuid

import psycopg2
import pytest
import sqlalchemy as sa

from chassis.addresses import Host, ServerUrl, nodes_of
from chassis.config import sqlalchemy_url
from chassis.connections import CONNECT_SECONDS, RECOVERABLE, opened
from chassis.contention import run_again_on_contention
from chassis.database import SYSTEM, Database
from chassis.errors import Unavailable
from chassis.testing.servers import amqp_url

NOBODY = Host("127.0.0.1", 1)


@pytest.fixture
def deaf():
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Host("127.0.0.1", server.getsockname()[1])


def broker_beside(*others):
    """The tests' broker as the last of several nodes, for a process that has not tried any yet."""
    one = ServerUrl.read(amqp_url())
    several = one.with_hosts(*others, *one.hosts)
    nodes = nodes_of(str(several))
    for host in several.hosts:
        nodes.is_down(str(several.with_hosts(host)))
    return str(several)


def test_a_node_that_refuses_is_passed_over_at_once():
    started = time.monotonic()
    with opened(broker_beside(NOBODY)) as connection:
        assert connection.connected
    assert time.monotonic() - started < CONNECT_SECONDS


def test_a_node_that_hangs_costs_one_attempt_and_is_the_last_from_then_on(deaf):
    url = broker_beside(deaf)
    with pytest.raises(RECOVERABLE):
        opened(url)
    with opened(url) as connection:
        assert connection.connected


def test_where_no_node_answers_the_error_comes_in_time(deaf):
    nowhere = str(ServerUrl.read(amqp_url()).with_hosts(NOBODY, deaf))
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(RECOVERABLE):
            opened(nowhere)
    assert time.monotonic() - started < 3 * CONNECT_SECONDS


@pytest.fixture
def scratch():
    """The URL of a server with a table, which is removed in the end."""
    name = f"t{uuid.uuid4().hex[:8]}"
    url = os.environ["DATABASE_URL"]
    run(url, f"CREATE TABLE {name} (n integer)")
    yield name
    run(url, f"DROP TABLE {name}")


def run(url, statement):
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def database(*others):
    one = ServerUrl.read(os.environ["DATABASE_URL"])
    several = one.with_hosts(*others, *one.hosts)
    return Database(sqlalchemy_url(str(several)), service="test")


def make_read_only(found):
    """As a server does to all that is connected when it is about to be no primary any more."""
    with found.unit_of_work(SYSTEM) as uow:
        uow.execute(sa.text("SET SESSION default_transaction_read_only = on"))
        uow.commit()


def write(found, table):
    def work():
        with found.unit_of_work(SYSTEM) as uow:
            uow.execute(sa.text(f"INSERT INTO {table} VALUES (1)"))  # noqa: S608 - a name of our own # nosec B608 # nosec B608
            uow.commit()

    run_again_on_contention(work)


def test_a_database_server_that_refuses_is_passed_over(scratch):
    found = database(NOBODY)
    write(found, scratch)
    found.close()


def test_a_connection_to_a_server_that_became_read_only_is_not_used_again(scratch):
    found = database(NOBODY)
    make_read_only(found)
    shown = found.one_shot(SYSTEM, "SHOW default_transaction_read_only", {})
    assert shown == [("off",)]
    write(found, scratch)
    found.close()


def test_a_write_that_a_read_only_server_refuses_is_done_over_a_new_connection(scratch):
    found = database()  # one server: nothing tells in advance
    make_read_only(found)
    write(found, scratch)
    found.close()


def test_a_server_that_stays_read_only_is_said_not_to_answer(scratch):
    found = database()

    def read_only(connection, _record):
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION default_transaction_read_only = on")

    sa.event.listen(found.engine, "connect", read_only)
    with pytest.raises(Unavailable):
        write(found, scratch)
    found.close()
