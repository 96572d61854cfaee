"""Local times become instants by the pinned zone data. The process under test runs beside wrong files: see conftest."""

from __future__ import annotations

from typing import Any

import pytest
import tzdata

from chassis.errors import Invalid
from chassis.testing import ServiceProcess
from chassis.testing.zone_files import INVENTED_ZONE


@pytest.mark.parametrize(
    ("zone", "starts_at"),
    [
        ("America/Vancouver", "2031-01-15T23:00:00+00:00"),
        ("America/Edmonton", "2031-01-15T22:00:00+00:00"),
        ("America/Winnipeg", "2031-01-15T21:00:00+00:00"),
        ("Africa/Casablanca", "2031-01-15T16:00:00+00:00"),
    ],
)
def test_a_winter_session_starts_when_clocks_there_will_show_it(
    school: Any, zone: str, starts_at: str
) -> None:
    session = school.book(school.pair(), starts_at="2031-01-15T16:00:00", time_zone=zone)
    assert session["starts_at"] == starts_at


def test_a_zone_that_only_the_machine_knows_is_refused(school: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.book(school.pair(), time_zone=INVENTED_ZONE)
    assert refused.value.errors[0].pointer == "/time_zone"


def test_the_process_says_which_zone_data_it_uses(service: ServiceProcess) -> None:
    metric = f'tandem_time_zone_data_info{{version="{tzdata.IANA_VERSION}"}} 1.0'
    assert metric in str(service.http("/metrics")).splitlines()
    assert f'"time_zone_data": "{tzdata.IANA_VERSION}"' in service.log()
