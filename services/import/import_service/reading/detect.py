"""What kind of file it is, from its first bytes. One function per format opens it as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from import_service.reading.csv_file import open_csv
from import_service.reading.problems import UnreadableFile
from import_service.reading.table import Table

SPREADSHEETS: Final = {
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
}


def open_table(source: BinaryIO) -> Table:
    """The table in the file. UnreadableFile when it is empty or of a kind that can't be read."""
    start = source.read(8)
    source.seek(0)
    if not start:
        raise UnreadableFile("import.empty_file", "The file is empty.")
    return opener_for(start)(source)


def opener_for(start: bytes) -> Callable[[BinaryIO], Table]:
    """The function that opens a file which starts with these bytes."""
    for magic, kind in SPREADSHEETS.items():
        if start.startswith(magic):
            detail = f"The file is {kind}; save it as CSV (UTF-8) and upload that."
            raise UnreadableFile("import.unsupported_format", detail)
    return open_csv
