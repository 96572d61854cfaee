"""Places for calls that may wait for a hash."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from chassis.errors import Forbidden, ServiceError, Unavailable
from gateway.costly import CostlyPlaces
from gateway.problems import from_service


def as_many_as_get_in(places: CostlyPlaces, client: str, stack: ExitStack) -> int:
    """Enters until refused."""
    got = 0
    try:
        while True:
            stack.enter_context(places.place(client))
            got += 1
    except ServiceError:
        return got


def test_one_client_holds_half_of_the_places_and_the_next_half_of_the_rest() -> None:
    places = CostlyPlaces(60)
    with ExitStack() as held:
        assert as_many_as_get_in(places, "a", held) == 30
        assert as_many_as_get_in(places, "b", held) == 15
    with ExitStack() as held:
        assert as_many_as_get_in(places, "b", held) == 30


def test_whose_crowd_it_is_decides_what_is_said() -> None:
    places = CostlyPlaces(3)
    with ExitStack() as held:
        held.enter_context(places.place("a"))
        with pytest.raises(Forbidden) as own, places.place("a"):
            pass
        held.enter_context(places.place("b"))
        with pytest.raises(Unavailable) as others, places.place("c"):
            pass
    told = [from_service(error) for error in (own.value, others.value)]
    assert [answer.status_code for answer in told] == [429, 503]
    assert [answer.headers["Retry-After"] for answer in told] == ["1", "1"]


def test_a_place_is_given_back_behind_an_error() -> None:
    places = CostlyPlaces(2)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), places.place("a"):
            raise ZeroDivisionError
