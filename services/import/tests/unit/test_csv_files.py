"""Any table a person can write as CSV is read back cell by cell; anything else is refused for a stated reason."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_service.reading.detect import open_table
from import_service.reading.problems import UnreadableFile
from import_service.reading.table import Table

HEADER = ["email", "first_name", "notes"]
CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
) | st.sampled_from(['"', '""', 'a"b', ",", ";", "\t", "a\nb", "a\r\nb", "'=1", " ", "\ufeff"])
RECORDS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8)


def written(
    records: list[list[str]], *, delimiter: str = ",", line_end: str = "\r\n", mark: bool = False
) -> bytes:
    target = io.StringIO(newline="")
    # Python's writer leaves a lone \r unquoted unless it ends lines with it.
    quoting = csv.QUOTE_MINIMAL if "\r" in line_end else csv.QUOTE_ALL
    writer = csv.writer(target, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([HEADER, *records])
    return (b"\xef\xbb\xbf" if mark else b"") + target.getvalue().encode()


def opened(content: bytes) -> Table:
    return open_table(io.BytesIO(content))


def refused(content: bytes) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        list(opened(content).records())
    return caught.value


@given(RECORDS, st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_cell_comes_back(
    records: list[list[str]], delimiter: str, line_end: str, mark: bool
) -> None:
    table = opened(written(records, delimiter=delimiter, line_end=line_end, mark=mark))
    assert table.delimiter == delimiter
    assert table.encoding == ("utf-8-sig" if mark else "utf-8")
    assert table.header.cells == HEADER
    kept = [record for record in records if any(cell.strip() for cell in record)]
    assert [record.cells for record in table.records()] == kept
    assert [record.cells for record in table.records()] == kept


@given(RECORDS)
def test_the_line_is_where_a_person_finds_the_record(records: list[list[str]]) -> None:
    content = written(records, line_end="\n").decode()
    lines = list(io.StringIO(content, newline=""))
    for record in opened(content.encode()).records():
        rest = "".join(lines[record.line - 1 :])
        assert next(csv.reader(io.StringIO(rest, newline=""))) == record.cells


def test_blank_lines_and_empty_rows_count_as_lines_but_not_as_records() -> None:
    table = opened(b'\n\nemail,phone\n\n,\na@x.org,"1\n2"\n\nb@x.org,3\n')
    assert table.header.line == 3
    assert [record.line for record in table.records()] == [6, 9]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "import.empty_file", "empty"),
        (b"\xef\xbb\xbf", "import.empty_file", "no content"),
        (b" \n\n", "import.empty_file", "no content"),
        (b"PK\x03\x04rest", "import.unsupported_format", "CSV"),
        (b"\xd0\xcf\x11\xe0rest", "import.unsupported_format", "CSV"),
        (b"%PDF-1.7", "import.unsupported_format", "PDF"),
        ("email\n".encode("utf-16"), "import.unsupported_encoding", "UTF-16"),
        ("email\n".encode("utf-16-le"), "import.binary_file", "text"),
        (b"email\na@x.org\nM\xfcller\n", "import.unsupported_encoding", "Line 3"),
        (b"email\na@x.org\n\xe2\x82", "import.unsupported_encoding", "Line 3"),
        (b"email\n\x00\x01\x02", "import.binary_file", "text"),
        (b'email,phone\na@x.org,"1\nb@x.org,2\n', "import.malformed_file", "line 2"),
        (b'email,phone\n\na@x.org,"1"2\n', "import.malformed_file", "line 3"),
        (b"email\n" + b"x" * 100_001, "import.cell_too_long", "line 2"),
    ],
)
def test_a_file_that_is_no_table_is_refused_for_a_reason(
    content: bytes, code: str, says: str
) -> None:
    problem = refused(content)
    assert problem.code == code
    assert says in problem.detail


def test_an_invalid_byte_is_found_in_a_late_block() -> None:
    content = b"email\n" + b"someone@example.org\n" * 100_000 + b"\xff\n"
    assert "Line 100002" in refused(content).detail


@given(st.binary(max_size=200))
def test_no_bytes_whatsoever_are_more_than_refused(content: bytes) -> None:
    with contextlib.suppress(UnreadableFile):
        table = opened(content)
        assert all(record.line > 0 for record in table.records())
