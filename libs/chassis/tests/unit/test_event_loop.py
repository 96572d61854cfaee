import pytest
from structlog.testing import capture_logs

from chassis.event_loop import WORST_OF_SECONDS, LoopWatch


@pytest.fixture(autouse=True)
def logged():
    with capture_logs() as lines:
        yield lines


def test_the_worst_stall_of_the_last_minutes_is_kept(logged):
    watch = LoopWatch(120)
    assert watch.worst() == 0
    for now, stall in [(1, 0.1), (2, 4.0), (3, 0.2), (4, 1.5), (5, 0.3)]:
        watch.note(now, stall)
    assert watch.worst() == 4.0
    assert [line["seconds"] for line in logged] == [4.0, 1.5]


def test_an_old_stall_gives_way_to_the_worst_after_it():
    watch = LoopWatch(120)
    for now, stall in [(2, 4.0), (3, 0.2), (4, 1.5), (5, 0.3)]:
        watch.note(now, stall)
    watch.note(WORST_OF_SECONDS + 3, 0.1)
    assert watch.worst() == 1.5
    watch.note(3 * WORST_OF_SECONDS, 0.0)
    assert watch.worst() == 0.0
