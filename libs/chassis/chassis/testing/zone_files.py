"""A machine's zone files that are wrong, for tests of who reads them."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Final

WRONG_ZONES: Final = (
    "America/Vancouver",
    "America/Edmonton",
    "America/Winnipeg",
    "Africa/Casablanca",
)
INVENTED_ZONE: Final = "Mars/Olympus"


def write_wrong_zone_files(folder: Path) -> dict[str, str]:
    """Writes files that give some zones Tokyo's time, and one for Mars; returns the setting that points at them."""
    tokyo = (importlib.resources.files("tzdata") / "zoneinfo" / "Asia" / "Tokyo").read_bytes()
    for name in (*WRONG_ZONES, INVENTED_ZONE):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tokyo)
    return {"PYTHONTZPATH": str(folder)}
