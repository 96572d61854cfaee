"""SIGTERM: what was taken is finished and answered, what was not taken is another copy's, and then the process ends."""

import signal
import threading
import time
import uuid

import pytest

from chassis.testing import actor, wait_until
from chassis.testing.servers import amqp_url

GRACE_SECONDS = 20


@pytest.fixture(scope="module")
def toy(toy):
    """With one copy on the broker itself again afterwards."""
    yield toy
    toy.stop()
    toy.start()


def ended(process):
    """Waits for the process's end; how long that took, and its status."""
    began = time.monotonic()
    status = process.wait(GRACE_SECONDS + 10)
    return time.monotonic() - began, status


def test_a_request_that_takes_longer_than_the_rest_of_the_drain_is_answered_by_who_took_it(toy):
    toy.stop()
    toy.start(copies=2)
    first, second = toy._processes
    someone, said = actor(), []

    def make(number):
        call = {"operation_id": uuid.uuid4(), "label": f"slow {number}", "pause": 3}
        said.append(toy.call("make_thing", actor=someone, **call))

    callers = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for _ in range(4):
        toy.call("say_who", actor=someone)  # sent later, so that all of those are at work
    first.send_signal(signal.SIGTERM)
    assert ended(first)[1] == 0
    for caller in callers:
        caller.join(10)
    assert len(said) == 8  # not one Conflict by a second delivery of what is still at work
    assert "reply_failed" not in toy.log()
    assert toy.http("/readyz", toy._ports[1]) is not None
    assert second.poll() is None


def test_it_ends_in_time_while_the_broker_is_away(toy, gate):
    toy.stop()
    toy.settings["AMQP_URL"] = gate.url
    toy.start()
    gate.shut()
    wait_until(lambda: "bus.unavailable" in toy.log(), 20)
    toy._processes[0].send_signal(signal.SIGTERM)
    seconds, status = ended(toy._processes[0])
    toy.settings["AMQP_URL"] = amqp_url()
    assert status == 0
    assert seconds < GRACE_SECONDS / 2
