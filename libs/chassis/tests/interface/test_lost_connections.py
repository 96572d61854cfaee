"""A connection that was lost stays lost: its user notices, and makes another one with all that belongs to it."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from toy_service.callers import say_who, thing_done

from chassis.connections import RECOVERABLE, abandoned, opened
from chassis.errors import Unavailable
from chassis.testing import actor, wait_until
from chassis.testing.servers import amqp_url

USES = {
    "drain_events": lambda connection: connection.drain_events(timeout=0.1),
    "heartbeat_check": lambda connection: connection.heartbeat_check(),
    "channel": lambda connection: connection.channel(),
    "default_channel": lambda connection: connection.default_channel,
    "connection": lambda connection: connection.connection,
    "connect": lambda connection: connection.connect(),
    "ensure_connection": lambda connection: connection.ensure_connection(max_retries=0),
}
LOSSES = {
    "noticed by a write": lambda connection: fail_to_write(connection.connection),
    "abandoned": abandoned,
    "closed": lambda connection: connection.close(),
}
ROUNDS = range(3)
SECONDS = 8.0


def fail_to_write(connection):
    """Until the other end's refusal has arrived; the first bytes still go somewhere."""
    while connection.connected:
        with suppress(OSError):
            connection.send_heartbeat()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("use", USES)
def test_whatever_is_done_with_a_lost_connection_raises_and_opens_no_other(gate, use, loss):
    connection = opened(gate.url)
    gate.shut()
    gate.reopen()
    LOSSES[loss](connection)
    with pytest.raises(RECOVERABLE):
        USES[use](connection)
    abandoned(connection)
    assert gate.accepted == 1


@pytest.mark.parametrize("use", ["drain_events", "channel", "connect"])
def test_neither_does_pyamqp_below_it(gate, use):
    connection = opened(gate.url).connection
    gate.shut()
    gate.reopen()
    connection.collect()
    with pytest.raises(RECOVERABLE):
        getattr(connection, use)()
    assert gate.accepted == 1


@pytest.fixture(scope="module")
def toy(toy, gate_of_toy):
    """Behind a gate of its own; on the broker itself again afterwards."""
    toy.stop()
    toy.settings["AMQP_URL"] = gate_of_toy.url
    toy.start()
    yield toy
    toy.stop()
    toy.settings["AMQP_URL"] = amqp_url()
    toy.start()


@contextmanager
def frozen(process, gate):
    """It stands still; when it goes on, its connections have been closed at the other end, as by missed heartbeats."""
    os.kill(process.pid, signal.SIGSTOP)
    gate.delivered.clear()
    try:
        yield
        gate.shut()
        gate.reopen()
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_service_that_stood_still_too_long_answers_again(toy, gate_of_toy, _round):
    """What lies before it is late by now. Acknowledging that used to reopen its connection, without consumers."""
    with frozen(toy, gate_of_toy), ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(toy.call, "say_who", actor=actor(), seconds=0.5) for _ in range(4)]
        wait_until(lambda: gate_of_toy.delivered.count(b"toy.say_who") >= 4)
        assert all(isinstance(call.exception(), Unavailable) for call in calls)
    assert wait_until(say_who, SECONDS)["roles"] == []


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_service_that_stood_still_too_long_hears_events_again(
    toy, gate_of_toy, organization_id, _round
):
    with frozen(toy, gate_of_toy):
        for number in range(4):
            toy.publish_to_it(thing_done(organization_id, number=number))
        wait_until(lambda: gate_of_toy.delivered.count(b"thing_done") >= 4)
    toy.publish_to_it(thing_done(organization_id, number=5))
    wait_until(lambda: arrivals(toy, organization_id) == 5, SECONDS)


def arrivals(toy, organization_id):
    statement = "SELECT count(*) FROM arrivals WHERE organization_id = %s"
    return toy.sql(statement, (str(organization_id),))[0][0]
