"""Publishing what may be lost, on a broker that hangs: nobody waits longer than he wanted to."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from amqp import Message

from chassis import direct
from chassis.connections import CONNECT_SECONDS, RECOVERABLE, abandoned, opened
from chassis.direct import DirectPublisher
from chassis.rpc import wire


@pytest.fixture
def publisher(gate):
    found = DirectPublisher(gate.url)
    yield found
    found.close()


def timed(publisher, seconds):
    """Whether a message was handed over, and how long that took."""
    began = time.monotonic()
    done = publisher.publish(Message("x"), wire.EXCHANGE, "nobody.listens", seconds=seconds)
    return done, time.monotonic() - began


def test_a_broker_that_hangs_takes_no_more_than_the_callers_time(publisher, gate):
    gate.hang()
    done, seconds = timed(publisher, 0.5)
    assert not done
    assert seconds < 1


def test_callers_that_wait_for_one_connection_do_not_each_wait_for_another_attempt(publisher, gate):
    gate.hang()
    with ThreadPoolExecutor(8) as pool:
        waited = list(pool.map(lambda _: timed(publisher, 3.0), range(8)))
    assert not any(done for done, _ in waited)
    assert max(seconds for _, seconds in waited) < 3


def test_a_broker_that_answers_again_is_used_at_once(publisher, gate):
    gate.hang()
    assert not timed(publisher, 0.2)[0]
    gate.reopen()
    assert timed(publisher, 3.0)[0]


def test_who_distrusts_the_connection_does_not_wait_for_those_who_use_it(
    publisher, gate, monkeypatch
):
    assert timed(publisher, 3.0)[0]
    monkeypatch.setattr(direct, "DISTRUST_SECONDS", 0.0)
    with publisher._lock:
        publisher.distrust()
    assert timed(publisher, 3.0)[0]
    assert gate.accepted == 2


def test_a_channel_of_a_broker_that_hangs_is_not_waited_for_either(gate):
    connection = opened(gate.url)
    gate.hang()
    began = time.monotonic()
    with pytest.raises(RECOVERABLE):
        connection.channel()
    assert time.monotonic() - began < CONNECT_SECONDS + 1
    abandoned(connection)
