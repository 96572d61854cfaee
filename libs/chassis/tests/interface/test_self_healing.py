"""A service that is of no use any more notices by itself: it connects anew, and ends where that does not help."""

import time
import urllib.error
import urllib.request

import pytest
from toy_service.callers import say_who

from chassis.errors import Unavailable
from chassis.testing import actor, wait_until

SETTINGS = {"UNCONSUMED_SECONDS": "4", "STALL_SECONDS": "4"}
FOUND_OUT_SECONDS = 20
STALL = "tandem_event_loop_stall_seconds "


@pytest.fixture(scope="module")
def toy(toy):
    """With little patience; as it was afterwards."""
    yield toy
    toy.stop()
    toy.settings = {}
    toy.start()


@pytest.fixture(autouse=True)
def _fresh(toy, gate_of_toy):
    toy.stop()
    toy.settings = {**SETTINGS, "AMQP_URL": gate_of_toy.url}
    toy.start()


def readiness(toy):
    """The body of /readyz, and how long it took."""
    began = time.monotonic()
    try:
        address = f"http://127.0.0.1:{toy._ports[0]}/readyz"
        with urllib.request.urlopen(address, timeout=5) as answer:  # nosec B310 # an address of our own
            body = answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read().decode()
    return body, time.monotonic() - began


def test_consumers_that_the_broker_forgot_show_and_are_back_soon(toy):
    toy.call("lose_consumers", actor=actor())
    wait_until(lambda: '"failed": ["consumers"]' in readiness(toy)[0])
    assert toy.http("/healthz") is not None
    wait_until(say_who, FOUND_OUT_SECONDS)
    wait_until(lambda: '"failed": []' in readiness(toy)[0])
    assert "bus.not_consuming" in toy.log()
    assert toy._processes[0].poll() is None


def test_a_process_whose_consumers_do_not_come_back_ends_so_that_it_is_restarted(toy):
    toy.call("lose_consumers", actor=actor(), for_good=True)
    assert toy._processes[0].wait(FOUND_OUT_SECONDS) == 1
    assert "bus.not_consuming_for_good" in toy.log()


def test_while_the_broker_hangs_readiness_fails_quickly_and_the_process_waits(toy, gate_of_toy):
    gate_of_toy.hang()
    wait_until(lambda: '"broker"' in readiness(toy)[0], FOUND_OUT_SECONDS)
    assert readiness(toy)[1] < 2
    assert toy.http("/healthz") is not None
    gate_of_toy.reopen()
    wait_until(lambda: '"failed": []' in readiness(toy)[0], FOUND_OUT_SECONDS)
    assert wait_until(say_who)
    assert toy._processes[0].poll() is None


def test_a_stall_of_the_event_loop_is_measured_and_logged(toy):
    with pytest.raises(Unavailable):
        toy.call("hold_up", actor=actor(), seconds=0.5, pause=2)
    wait_until(lambda: "event_loop.stalled" in toy.log())
    (line,) = [line for line in toy.http("/metrics").splitlines() if line.startswith(STALL)]
    assert 1 < float(line.split()[1]) < 4


def test_an_event_loop_that_stands_still_for_good_ends_the_process_and_says_where(toy):
    with pytest.raises(Unavailable):
        toy.call("hold_up", actor=actor(), seconds=0.5, pause=60)
    assert toy._processes[0].wait(FOUND_OUT_SECONDS) == 1
    said = toy.log()
    assert "Timeout (0:00:04)!" in said
    assert "in hold_up" in said
