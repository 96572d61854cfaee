import importlib.resources
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from datetime import UTC, datetime, timedelta

import pytest

from chassis.testing.zone_files import INVENTED_ZONE, write_wrong_zone_files
from chassis.time_zones import ZoneInfo, data_version, known_zones

WINTER = datetime(2026, 12, 15, 12, tzinfo=UTC)

# A zone is made and the list of zones read before the chassis is imported: neither may outlive that.
SEEN_BY_A_PROCESS = f"""
import os, zoneinfo, datetime
before = zoneinfo.ZoneInfo("America/Winnipeg")
import chassis.errors
zone = zoneinfo.ZoneInfo("America/Winnipeg")
offset = zone.utcoffset(datetime.datetime(2026, 12, 15, 12))
known = "{INVENTED_ZONE}" in zoneinfo.available_timezones()
print(zoneinfo.TZPATH, repr(os.environ["PYTHONTZPATH"]), os.environ["PGTZ"], offset.total_seconds() / 3600, known)
"""


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("America/Vancouver", -7),
        ("America/Edmonton", -6),
        ("America/Winnipeg", -5),
        ("America/Havana", -4),
        ("Africa/Casablanca", 0),
    ],
)
def test_zones_that_changed_their_winter_in_2026_have_done_so(zone, hours):
    assert WINTER.astimezone(ZoneInfo(zone)).utcoffset() == timedelta(hours=hours)


def test_the_version_is_that_of_the_data():
    source = importlib.resources.files("tzdata") / "zoneinfo" / "tzdata.zi"
    assert source.read_text().splitlines()[0] == f"# version {data_version()}"


@pytest.mark.parametrize("is_set", [False, True])
def test_a_process_reads_the_pinned_data_whatever_its_environment_says(tmp_path, is_set):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONTZPATH"}
    if is_set:
        environment |= {**write_wrong_zone_files(tmp_path), "PGTZ": "America/Winnipeg"}
    command = [sys.executable, "-c", SEEN_BY_A_PROCESS]
    seen = subprocess.run(  # nosec B603 # our own words, without a shell
        command, env=environment, check=True, capture_output=True, text=True
    )
    assert seen.stdout.split() == ["()", "''", "UTC", "-5.0", "False"]


def test_a_process_that_reads_other_files_does_not_claim_the_version(tmp_path, monkeypatch):
    monkeypatch.setattr("zoneinfo.TZPATH", (str(tmp_path),))
    assert data_version() == "unknown"


def test_zones_that_no_person_lives_in_are_not_offered():
    assert {"Europe/Berlin", "UTC", "America/Winnipeg"} <= known_zones()
    assert not {"Factory", "localtime", "posixrules"} & known_zones()
