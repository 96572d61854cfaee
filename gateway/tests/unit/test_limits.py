"""Counting in windows: the library's rule, bounded, and what a refused caller is told."""

from __future__ import annotations

import itertools

import pytest
from environs import EnvValidationError
from hypothesis import given
from hypothesis import strategies as st
from limits import parse, storage, strategies

from gateway.app import create_app
from gateway.limits import windows
from gateway.limits.rules import RULES, STRICTER_BY_ACCOUNT, STRICTER_BY_ADDRESS
from gateway.limits.windows import NOTHING_LEFT, Window
from gateway.settings import Settings, load_settings

START = 1_700_000_000.0
STEPS = st.lists(st.floats(0, 12, allow_nan=False), min_size=1, max_size=80)


def window(text: str = "5/10 seconds", scale: float = 1.0) -> Window:
    return Window("account", parse(text), scale)


def taken(counter: Window, times: int, now: float = START) -> int:
    """How many of so many requests get through."""
    return sum(counter.take("ada", now) != NOTHING_LEFT for _ in range(times))


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> strategies.SlidingWindowCounterRateLimiter:
    """The library's own limiter; it looks nothing through while the test's clock stands."""
    name = "_MemoryStorage__schedule_expiry"
    monkeypatch.setattr(storage.MemoryStorage, name, lambda _self: None)
    return strategies.SlidingWindowCounterRateLimiter(storage.MemoryStorage())


@pytest.mark.parametrize(
    "pauses", [[0.0] * 12, [1.3] * 40, [0.1, 9.0] * 20, [7.7, 0, 0, 0, 0, 0] * 9]
)
def test_it_allows_what_the_library_allows(
    reference: strategies.SlidingWindowCounterRateLimiter,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    ours, limit = window(), parse("5/10 seconds")
    for now in itertools.accumulate(pauses, initial=START):
        monkeypatch.setattr("limits.storage.memory.time.time", lambda now=now: now)
        assert (ours.take("ada", now) != NOTHING_LEFT) == reference.hit(limit, "ada")


@given(STEPS)
def test_no_period_lets_more_through_than_allowed(pauses: list[float]) -> None:
    counter = window()
    allowed = [
        now
        for now in itertools.accumulate(pauses, initial=START)
        if counter.take("ada", now) != NOTHING_LEFT
    ]
    for first in allowed:
        # The share of the period before is an estimate; twice the limit is never reached.
        assert sum(first <= now < first + 10 for now in allowed) < 10


@given(STEPS, st.integers(1, 7))
def test_who_waits_as_told_gets_through(pauses: list[float], amount: int) -> None:
    counter = window(f"{amount}/10 seconds")
    for now in itertools.accumulate(pauses, initial=START):
        if counter.take("ada", now) == NOTHING_LEFT:
            assert 1 <= counter.retry_after("ada", now) <= 20
            again = now + counter.retry_after("ada", now)
            assert counter.take("ada", again) != NOTHING_LEFT
            return


@given(st.integers(1, 20), st.integers(0, 20))
def test_what_others_let_through_counts_here(amount: int, elsewhere: int) -> None:
    counter = window(f"{amount}/10 seconds")
    counter.add("ada", elsewhere, START)
    assert taken(counter, 30) == max(0, amount - elsewhere)


def test_others_are_told_of_what_was_let_through_once() -> None:
    counter = window()
    taken(counter, 8)
    counter.add("ada", 3, START)
    assert counter.unsent() == {"ada": 5}
    assert counter.unsent() == {}


def test_one_caller_does_not_use_up_what_is_anothers() -> None:
    counter = window()
    taken(counter, 100)
    assert counter.take("ben", START) == 4


@pytest.mark.parametrize(("scale", "amount"), [(100, 500), (0.5, 2), (0.001, 1)])
def test_the_scale_multiplies(scale: float, amount: int) -> None:
    assert taken(window(scale=scale), 600) == amount


def test_a_clock_that_is_set_back_lets_nothing_more_through() -> None:
    counter = window()
    taken(counter, 5)
    assert taken(counter, 5, START - 25) == 0


def test_memory_is_bounded_and_late_comers_are_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_KEYS", 50)
    monkeypatch.setattr(windows, "SHARED_COUNTERS", 10)
    counter = window()
    through = sum(
        counter.take(f"2001:db8:{n:x}::/64", START) != NOTHING_LEFT for n in range(10_000)
    )
    assert through <= 50 + 10 * 5
    assert len(counter._counts) <= 60
    assert len(counter.unsent()) == 50


def test_what_is_over_is_forgotten() -> None:
    counter = window()
    taken(counter, 5)
    counter.take("ben", START + 20)
    counter.take("ben", START + 30)
    assert not counter._counts.keys() & {"ada"}
    assert not counter._before.keys() & {"ada"}


@pytest.mark.parametrize("value", ["", "lots", "100", "-1/second", "0/second", "1/fortnight"])
def test_a_limit_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AMQP_URL", "amqp://nobody@nowhere//")
    monkeypatch.setenv("RATE_LIMIT_SIGN_UP", value)
    with pytest.raises(EnvValidationError, match="RATE_LIMIT_SIGN_UP"):
        load_settings()


@pytest.mark.parametrize("value", ["0", "-3"])
def test_a_scale_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AMQP_URL", "amqp://nobody@nowhere//")
    monkeypatch.setenv("RATE_LIMIT_SCALE", value)
    with pytest.raises(EnvValidationError, match="RATE_LIMIT_SCALE"):
        load_settings()


def test_each_stricter_limit_is_one_of_the_rules() -> None:
    names = {rule.name for rule in RULES}
    assert {*STRICTER_BY_ADDRESS.values(), *STRICTER_BY_ACCOUNT.values()} <= names


def test_each_stricter_limit_is_for_an_operation_that_there_is() -> None:
    rules = create_app(Settings(amqp_url="amqp://nobody@nowhere//")).url_map.iter_rules()
    there_are = {(method, rule.rule) for rule in rules for method in rule.methods or ()}
    assert {*STRICTER_BY_ACCOUNT, *STRICTER_BY_ADDRESS} <= there_are
