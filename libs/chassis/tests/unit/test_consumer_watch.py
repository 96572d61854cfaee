import pytest
from structlog.testing import capture_logs

from chassis import consumer_watch
from chassis.consumer_watch import LOOK_SECONDS, ConsumerWatch
from chassis.errors import Unavailable

PATIENCE = 3


@pytest.fixture(autouse=True)
def logged():
    with capture_logs() as lines:
        yield lines


class Broker:
    """Its view of the queues; None while it does not answer."""

    def __init__(self):
        self.counts = {"requests": 1, "events": 2}

    def of(self, queues):
        if self.counts is None:
            raise ConnectionError("it does not answer")
        return {name: count for name, count in self.counts.items() if name in queues}


class Process:
    """A process's consumers and what was done to it."""

    def __init__(self):
        self.unconsumed = []
        self.done = []

    def queues(self):
        return ["requests", "events"]

    def unconsumed_queues(self):
        return self.unconsumed

    def begin_anew(self):
        self.done.append("begun anew")

    def end(self):
        self.done.append("ended")


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def watch(broker, process):
    patience = PATIENCE * LOOK_SECONDS
    return ConsumerWatch(broker, [process], patience=patience, end=process.end)


def looks(watch, times):
    for _ in range(times):
        watch.look()


def fails(check):
    try:
        check()
    except Unavailable:
        return True
    return False


def test_as_long_as_all_queues_are_consumed_nothing_is_done(watch, process):
    looks(watch, 100)
    assert process.done == []
    assert not fails(watch.check_broker)
    assert not fails(watch.check_consumers)
    assert not fails(watch.check_alive)


def test_a_queue_that_the_broker_counts_no_consumer_of_is_told_at_once(watch, broker):
    broker.counts["events"] = 0
    watch.look()
    assert fails(watch.check_consumers)
    assert not fails(watch.check_broker)


def test_a_queue_that_another_process_consumes_but_not_this_one_is_told_at_once(watch, process):
    watch.look()
    process.unconsumed = ["events"]
    assert fails(watch.check_consumers)


@pytest.mark.parametrize("side", ["broker", "process"])
def test_who_is_left_too_long_connects_anew_and_then_ends(watch, broker, process, side):
    if side == "broker":
        broker.counts["events"] = 0
    else:
        process.unconsumed = ["events"]
    looks(watch, PATIENCE - 1)
    assert process.done == []
    watch.look()
    assert process.done == ["begun anew"]
    looks(watch, PATIENCE - 1)
    assert process.done == ["begun anew"]
    watch.look()
    assert process.done == ["begun anew", "ended"]


def test_a_cure_makes_it_forget_what_was(watch, broker, process):
    broker.counts["events"] = 0
    looks(watch, PATIENCE)
    broker.counts["events"] = 1
    watch.look()
    broker.counts["events"] = 0
    looks(watch, PATIENCE - 1)
    assert process.done == ["begun anew"]
    assert not fails(watch.check_alive)


def test_while_the_broker_does_not_answer_it_waits(watch, broker, process, monkeypatch, logged):
    watch.look()
    process.unconsumed = ["requests", "events"]
    broker.counts = None
    looks(watch, 100)
    assert process.done == []
    assert [line["event"] for line in logged] == ["bus.consumers_unknown"]
    assert fails(watch.check_consumers)
    monkeypatch.setattr(consumer_watch, "OLD_SECONDS", 0.0)
    assert fails(watch.check_broker)


def test_a_queue_that_was_deleted_is_no_reason_to_end(watch, broker, process):
    del broker.counts["events"]
    looks(watch, 100)
    assert process.done == []
    assert not fails(watch.check_consumers)


def test_an_end_that_was_none_shows_as_not_alive(watch, broker):
    broker.counts["events"] = 0
    looks(watch, 2 * PATIENCE + 1)
    assert fails(watch.check_alive)


def test_a_watch_that_does_not_look_any_more_shows_as_not_alive(watch, monkeypatch):
    watch.look()
    assert not fails(watch.check_alive)
    monkeypatch.setattr(consumer_watch, "DEAD_SECONDS", 0.0)
    assert fails(watch.check_alive)
