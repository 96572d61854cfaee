"""When a session is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_service.domain.slots import make_slot, require_timely
from booking_service.errors import ImpossibleStart
from chassis.time_zones import ZoneInfo, known_zones

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
     "Pacific/Apia", "America/Sao_Paulo", "Europe/Dublin", "UTC"]
)  # fmt: skip
wall_clocks = st.datetimes(datetime(1975, 1, 2), datetime(2200, 12, 30))  # noqa: DTZ001
instants = wall_clocks.map(lambda naive: naive.replace(tzinfo=UTC))
lengths = st.integers(5, 720).map(lambda minutes: timedelta(minutes=minutes))


def wall(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


@given(instant=instants, length=lengths, zone=zones)
def test_an_instant_is_kept_and_shown_in_the_zone(
    instant: datetime, length: timedelta, zone: str
) -> None:
    slot = make_slot(instant, length, zone)
    assert slot.starts_at == instant
    assert slot.ends_at - slot.starts_at == length
    assert slot.wall_clock == instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@given(wall_clock=wall_clocks, zone=zones)
def test_wall_clock_time_is_what_clocks_there_first_show(wall_clock: datetime, zone: str) -> None:
    try:
        slot = make_slot(wall_clock, HOUR, zone)
    except ImpossibleStart:
        assert not shown_in(wall_clock, zone)
    else:
        assert slot.wall_clock == wall_clock
        assert slot.starts_at == min(shown_in(wall_clock, zone))


def shown_in(wall_clock: datetime, zone: str) -> list[datetime]:
    """The instants at which clocks in the zone show that time, found by trying every offset there is since 1973."""
    as_utc = wall_clock.replace(tzinfo=UTC)
    tried = (as_utc + timedelta(minutes=minutes) for minutes in range(-15 * 60, 15 * 60 + 1, 15))
    return [
        instant
        for instant in tried
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == wall_clock
    ]


@pytest.mark.parametrize(
    ("zone", "skipped"),
    [
        ("Europe/Berlin", (2031, 3, 30, 2, 0)),
        ("Europe/Berlin", (2031, 3, 30, 2, 59)),
        ("America/New_York", (2031, 3, 9, 2, 30)),
        ("Australia/Lord_Howe", (2031, 10, 5, 2, 15)),  # half an hour is skipped
        ("Pacific/Apia", (2011, 12, 30, 12, 0)),  # a whole day is skipped
    ],
)
def test_a_time_that_clocks_skip_is_refused(zone: str, skipped: tuple[int, ...]) -> None:
    with pytest.raises(ImpossibleStart) as refused:
        make_slot(wall(*skipped), HOUR, zone)
    assert refused.value.errors[0].pointer == "/starts_at"


@pytest.mark.parametrize("edge", [(2031, 3, 30, 1, 59), (2031, 3, 30, 3, 0)])
def test_the_times_around_a_gap_exist(edge: tuple[int, ...]) -> None:
    assert make_slot(wall(*edge), HOUR, "Europe/Berlin").wall_clock == wall(*edge)


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    slot = make_slot(wall(2031, 10, 26, 2, 30), HOUR, "Europe/Berlin")
    assert slot.starts_at == datetime(2031, 10, 26, 0, 30, tzinfo=UTC)
    assert slot.ends_at == datetime(2031, 10, 26, 1, 30, tzinfo=UTC)


def test_a_fold_in_the_argument_changes_nothing() -> None:
    folded = wall(2031, 10, 26, 2, 30).replace(fold=1)
    assert make_slot(folded, HOUR, "Europe/Berlin").starts_at.hour == 0


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize(
    "edge", [(1970, 1, 1, 0, 0), (2200, 12, 31, 23, 59), (1, 1, 1), (9999, 12, 31, 23)]
)
def test_the_edges_of_time_never_break_anything(zone: str, edge: tuple[int, ...]) -> None:
    try:
        slot = make_slot(wall(*edge), HOUR, zone)
    except ImpossibleStart:
        return
    assert 1970 <= slot.starts_at.year <= 2200


def test_every_zone_can_be_used() -> None:
    for zone in known_zones():
        make_slot(NOW, HOUR, zone)


@pytest.mark.parametrize(
    ("capacity", "ago", "is_allowed"),
    [
        ("student", timedelta(), False),
        ("student", -timedelta(seconds=1), True),
        ("instructor", timedelta(days=30), True),
        ("instructor", timedelta(days=30, seconds=1), False),
        ("admin", timedelta(days=9_999), True),
    ],
)
def test_how_far_back_a_session_may_be(capacity: str, ago: timedelta, is_allowed: bool) -> None:
    if is_allowed:
        require_timely(capacity, NOW - ago, NOW)  # type: ignore[arg-type]
        return
    with pytest.raises(ImpossibleStart):
        require_timely(capacity, NOW - ago, NOW)  # type: ignore[arg-type]
