"""What relay, consumer and operations decide."""

from typing import NamedTuple

import pytest

from chassis.decisions import (
    IMPATIENT,
    PATIENT,
    Tries,
    seconds_until_next_batch,
    seconds_until_next_try,
    sendable,
    was_done_before,
    waves,
)
from chassis.errors import Conflict, Invalid, Unavailable

OUTAGE = Unavailable("other.down", "Not now.")
FAILURE = ZeroDivisionError()


class Row(NamedTuple):
    subject: str
    number: int
    is_due: bool = True


def test_a_row_that_must_wait_holds_up_what_is_behind_it_in_its_subject_alone():
    rows = [Row("a", 1), Row("b", 1, is_due=False), Row("a", 2), Row("b", 2)]
    assert sendable(rows) == ([Row("a", 1), Row("a", 2)], {"b"})


def test_no_two_rows_of_a_subject_are_under_way_at_once():
    rows = [Row("a", 1), Row("a", 2), Row("b", 1), Row("a", 3), Row("b", 2)]
    assert waves(rows) == [
        [Row("a", 1), Row("b", 1)],
        [Row("a", 2), Row("b", 2)],
        [Row("a", 3)],
    ]


def test_a_row_that_is_not_taken_waits_longer_each_time_up_to_a_minute():
    assert [seconds_until_next_try(n) for n in (0, 1, 5, 6, 1000)] == [1, 2, 32, 60, 60]


def test_a_relay_looks_again_at_once_only_where_more_may_wait():
    assert seconds_until_next_batch(found=0, locked=0, rows=0, batch=4) == 1.0
    assert seconds_until_next_batch(found=2, locked=1, rows=4, batch=4) == 0.01
    assert seconds_until_next_batch(found=1, locked=1, rows=4, batch=4) == 0.0


def delays_of(errors):
    tries, delays = Tries(), []
    for error in errors:
        tries = tries.after(error)
        delays.append(tries.delay(error))
    return delays


def test_an_outage_is_waited_for_and_a_failure_is_not():
    assert delays_of([OUTAGE] * (len(PATIENT) + 1)) == [*PATIENT, None]
    assert delays_of([FAILURE] * (len(IMPATIENT) + 1)) == [*IMPATIENT, None]


def test_an_outage_uses_up_no_try_that_a_failure_is_worth():
    assert delays_of([*[OUTAGE] * 20, *[FAILURE] * 5])[20:] == [*IMPATIENT, None]
    assert delays_of([FAILURE, FAILURE, OUTAGE]) == ["1s", "5s", "1s"]


def test_what_cannot_be_read_is_not_tried_again():
    assert delays_of([None]) == [None]


def test_an_operation_is_done_once_for_one_request():
    assert not was_done_before(is_free=True, known=None, wanted="a")
    assert was_done_before(is_free=True, known="a", wanted="a")
    with pytest.raises(Invalid, match=r"idempotency\.key_reused"):
        was_done_before(is_free=True, known="b", wanted="a")
    with pytest.raises(Conflict, match=r"idempotency\.in_progress"):
        was_done_before(is_free=False, known=None, wanted="a")
