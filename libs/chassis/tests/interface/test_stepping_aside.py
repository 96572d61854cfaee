"""Calls that wait for something costly hold no worker; they end like all others when the process does."""

import signal
import threading
import time

import pytest

from chassis.errors import Unavailable
from chassis.testing import actor, wait_until

ASIDE = 12
# Long enough for everything that is asked meanwhile.
PAUSE = 2.0
# For a process to end and another to be ready, on a busy machine.
LONG = 30.0


@pytest.fixture(scope="module")
def toy(toy):
    """With two workers; as it was afterwards."""
    toy.stop()
    toy.settings["RPC_WORKERS"] = "2"
    toy.start()
    yield toy
    toy.stop()
    del toy.settings["RPC_WORKERS"]
    toy.start()


@pytest.fixture
def aside(toy):
    """Begins calls that wait aside; what becomes of them."""
    said, callers = [], []

    def ask(arguments):
        try:
            said.append(toy.call("wait_aside", seconds=LONG, **arguments))
        except Unavailable as error:
            said.append(error.code)

    def begin(count, **arguments):
        for _ in range(count):
            callers.append(threading.Thread(target=ask, args=(arguments,)))
            callers[-1].start()
        return said

    yield begin
    for caller in callers:
        caller.join(LONG)


def test_calls_that_stepped_aside_keep_nobody_from_the_workers(toy, aside):
    said = aside(ASIDE, pause=PAUSE)
    for _ in range(40):
        toy.call("say_who", actor=actor(), seconds=1)
    assert said == []
    wait_until(lambda: said == ["waited aside"] * ASIDE, 10)


def test_an_error_aside_is_the_callers_and_the_places_are_all_there_afterwards(toy, aside):
    said = aside(ASIDE, pause=0, fails=True)
    wait_until(lambda: said == ["toy.aside"] * ASIDE, 10)
    began = time.monotonic()
    both = aside(2, pause=0)
    wait_until(lambda: both[ASIDE:] == ["waited aside"] * 2, 10)
    assert time.monotonic() - began < PAUSE


def is_busy(toy):
    try:
        toy.call("say_who", actor=actor(), seconds=PAUSE / 8)
    except Unavailable:
        return True
    return False


def test_what_waits_for_a_place_longer_than_its_caller_is_not_run(toy):
    someone = actor()
    blocked = [
        threading.Thread(target=toy.call, args=("wait",), kwargs={"pause": 2 * PAUSE})
        for _ in range(2)
    ]
    for one in blocked:
        one.start()
    wait_until(lambda: is_busy(toy), 10)
    with pytest.raises(Unavailable):
        toy.call("make_thing", actor=someone, label="late", seconds=PAUSE / 4)
    for one in blocked:
        one.join(15)
    toy.call("make_thing", actor=someone, label="in time")
    statement = "SELECT label FROM things WHERE organization_id = %s"
    assert toy.sql(statement, (str(someone.organization_id),)) == [("in time",)]


def test_at_the_end_who_is_aside_and_who_waits_are_answered(toy, aside):
    said = aside(ASIDE, pause=PAUSE)
    toy.call("say_who", actor=actor())  # sent later, so that all of those are taken
    toy._processes[0].send_signal(signal.SIGTERM)
    assert toy._processes[0].wait(20) == 0
    toy.start()
    wait_until(lambda: said == ["waited aside"] * ASIDE, LONG)


def test_a_kill_with_calls_aside_leaves_them_to_the_next_process(toy, aside):
    said = aside(ASIDE, pause=PAUSE / 2)
    toy.call("say_who", actor=actor())
    toy.kill()
    toy.start()
    wait_until(lambda: said == ["waited aside"] * ASIDE, LONG)
