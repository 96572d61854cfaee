"""Time zones of the pinned `tzdata` package, whatever files the machine has.

`zoneinfo` prefers the machine's files, which may be a year old: sessions would be booked an hour off. Importing any
part of the chassis pins the data of the process. Only this module imports `zoneinfo`, and no local time is converted
in SQL, where the server's files would decide.
"""

from __future__ import annotations

import os
import zoneinfo
from functools import cache
from zoneinfo import ZoneInfo

import tzdata

__all__ = ["ZoneInfo", "data_version", "known_zones", "pin_data"]


def pin_data() -> None:
    """Makes `zoneinfo` read the package alone, in this process and in Python processes that it starts.

    Overrides PYTHONTZPATH: the tests passed with the pinned data, with no others. Zones made before are read again.
    Sessions with PostgreSQL are in UTC, whose data never change; PGTZ would overrule what a connection asks for.
    """
    os.environ |= {"PYTHONTZPATH": "", "PGTZ": "UTC"}
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()


def data_version() -> str:
    """The release that this process reads, in IANA's spelling (2026f); `unknown` if it reads other files."""
    return "unknown" if zoneinfo.TZPATH else str(tzdata.IANA_VERSION)


@cache
def known_zones() -> frozenset[str]:
    """The zone names that people may use. `Factory` is for machines that nobody has set up."""
    return frozenset(zoneinfo.available_timezones() - {"Factory"})
