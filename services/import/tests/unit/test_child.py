"""The process that reads a file, as its parent starts it."""

from __future__ import annotations

import sys
import tempfile

import pytest

from import_service import child

SHOW_ZONE_FILES = "import zoneinfo; print(zoneinfo.TZPATH)"


def test_the_child_reads_no_zone_files_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", SHOW_ZONE_FILES))
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as rows:
        child.run(source, rows)
        rows.seek(0)
        assert rows.read() == b"()\n"
