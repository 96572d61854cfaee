"""The process that reads a file, as its parent starts it."""

from __future__ import annotations

import io
import json
import sys
import tempfile

import pytest

from import_service import child
from import_service.reading.__main__ import BATCH_BYTES, read
from import_service.reading.problems import UnreadableFile

SHOW_ZONE_FILES = "import zoneinfo; print(zoneinfo.TZPATH)"


def test_the_child_reads_no_zone_files_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", SHOW_ZONE_FILES))
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as rows:
        child.run(source, rows)
        rows.seek(0)
        assert rows.read() == b"()\n"


WRITE_TOO_MUCH = """
import sys
from import_service.reading import __main__ as reader
reader.WRITTEN_BYTES = 100_000
reader.main()
"""


def test_a_child_that_writes_too_much_is_ended_and_the_file_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", WRITE_TOO_MUCH))
    rows = "".join(f"n{number}@example.org,A\n" for number in range(2_000))
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(b"email,first_name\n" + rows.encode())
        source.seek(0)
        with pytest.raises(UnreadableFile) as refused:
            child.run(source, target)
    assert refused.value.code == "import.unreadable_file"


def test_batches_are_bounded_in_what_is_written() -> None:
    text = "email,remark\n" + "".join(f"n{n}@x.org,{chr(1) * 90_000}\n" for n in range(30))
    _, *batches = read(io.BytesIO(text.encode()))
    assert [row["place"] for batch in batches for row in json.loads(batch)] == list(range(30))
    assert max(map(len, batches)) < BATCH_BYTES + 600_000


def test_a_row_that_is_longer_than_rows_may_be_fails_the_file() -> None:
    text = "email" + ",remark" * 4 + "\na@x.org" + f",{'x' * 90_000}" * 4 + "\n"
    [told] = read(io.BytesIO(text.encode()))
    [error] = json.loads(told)["errors"]
    assert error["code"] == "import.row_too_long"
    assert "line 2 " in error["detail"]
