"""Places for calls at work: never more than there are, each in turn, none lost."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context
from chassis.context import CallContext
from chassis.rpc.places import Place, Places, stepped_aside


def taken(places, count):
    """Asks so many times; the numbers of those who got a place, in order."""
    got = []
    for number in range(count):
        places.ask(lambda number=number: not got.append(number))
    return got


def test_who_comes_first_gets_a_place_first():
    places = Places(2)
    got = taken(places, 5)
    assert got == [0, 1]
    assert places.waiting == 3
    for expected in ([0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]):
        places.give_back()
        assert got == expected


def test_a_place_that_is_declined_goes_to_the_next():
    places = Places(1)
    got = taken(places, 1)
    for number in range(2_000):
        places.ask(lambda number=number: number == 1_999 and not got.append(number))
    places.give_back()
    assert got == [0, 1_999]
    assert places.waiting == 0


@given(st.integers(1, 4), st.lists(st.sampled_from(["take", "decline", "give back"]), max_size=40))
def test_there_are_never_more_at_work_than_places_and_nobody_waits_beside_a_free_one(count, steps):
    places, at_work, asked, declined = Places(count), [], 0, 0
    for step in steps:
        if step == "give back" and at_work:
            at_work.pop()
            places.give_back()
        elif step == "take":
            asked += 1
            places.ask(lambda: not at_work.append(None))
        elif step == "decline":
            declined += 1
            places.ask(lambda: False)
        assert len(at_work) <= count
        assert len(at_work) == count or places.waiting == 0


def test_a_place_is_given_back_once():
    places = Places(1)
    got = taken(places, 3)
    place = Place(places)
    place.end()
    place.end()
    assert got == [0, 1]


def test_who_steps_aside_lets_the_next_work_and_goes_on_behind_them():
    places = Places(1)
    place, order = Place(places), []
    places.ask(lambda: True)
    places.ask(lambda: not order.append("next"))

    def others_end():
        order.append("others end")
        places.give_back()

    with context.bound(CallContext(deadline=time.time() + 5, place=place)):
        with stepped_aside():
            assert order == ["next"]
            threading.Timer(0, others_end).start()
        order.append("goes on")
    assert order == ["next", "others end", "goes on"]


def test_an_error_aside_comes_out_with_the_place_held_again():
    places = Places(1)
    place = Place(places)
    places.ask(lambda: True)
    with pytest.raises(ZeroDivisionError), place.stepped_aside():
        raise ZeroDivisionError
    got = taken(places, 1)
    assert got == []
    place.end()
    assert got == [0]


def test_who_is_killed_aside_takes_no_place_again():
    places = Places(1)
    place = Place(places)
    places.ask(lambda: True)
    with pytest.raises(KeyboardInterrupt), place.stepped_aside():
        raise KeyboardInterrupt
    place.end()
    assert taken(places, 2) == [0]


def test_outside_of_any_call_there_is_nothing_to_give_away():
    with stepped_aside():
        pass
    with context.bound(CallContext(deadline=time.time() + 5)), stepped_aside():
        pass
