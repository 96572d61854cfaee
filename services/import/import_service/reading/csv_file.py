"""Delimited text: UTF-8 with or without a byte order mark, delimiter `,` `;` or tab, quoting as in RFC 4180.

Reads strictly: a stray quotation mark would otherwise swallow the rows that follow it, and nobody would notice.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from import_service.reading.columns import recognized
from import_service.reading.problems import UnreadableFile
from import_service.reading.table import Record, Table

DELIMITERS: Final = (",", ";", "\t")
LONGEST_CELL: Final = 100_000
# With the delimiters. A row is shown, and travels, as a whole.
LONGEST_ROW: Final = 300_000
BLOCK: Final = 1 << 20


def open_csv(source: BinaryIO) -> Table:
    """The table in a text file. UnreadableFile when it is no text, or has no header that we know."""
    check_text(source)
    delimiter = find_delimiter(source)
    header = next(records(source, delimiter), None)
    if header is None:
        raise UnreadableFile("import.empty_file", "The file has no content.")
    return Table(
        format="csv",
        encoding="utf-8-sig" if has_mark(source) else "utf-8",
        delimiter=delimiter,
        header=header,
        records=lambda: below_header(source, delimiter),
    )


def has_mark(source: BinaryIO) -> bool:
    """Whether the file starts with UTF-8's byte order mark."""
    source.seek(0)
    return source.read(3) == codecs.BOM_UTF8


def check_text(source: BinaryIO) -> None:
    """Returns if the whole file is UTF-8 text; UnreadableFile names the line that is not."""
    source.seek(0)
    if source.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        raise unsupported_encoding("The file is in UTF-16")
    source.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    while block := source.read(BLOCK):
        if b"\0" in block:
            raise UnreadableFile("import.binary_file", "The file is no text; upload a CSV file.")
        check_block(decoder, block, line)
        line += block.count(b"\n")
    check_block(decoder, b"", line, final=True)


def check_block(
    decoder: codecs.IncrementalDecoder, block: bytes, line: int, *, final: bool = False
) -> None:
    """Decodes the next block, which starts on `line`."""
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError as error:
        at = line + error.object.count(b"\n", 0, error.start)
        raise unsupported_encoding(f"Line {at} is not in UTF-8") from error


def unsupported_encoding(what: str) -> UnreadableFile:
    """Text, but not in an encoding that is read."""
    return UnreadableFile(
        "import.unsupported_encoding", f"{what}; save it as “CSV UTF-8” and upload that."
    )


def find_delimiter(source: BinaryIO) -> str:
    """The delimiter under which most header names are known; the comma where that does not tell."""
    return max(DELIMITERS, key=lambda delimiter: known_headers(source, delimiter))


def known_headers(source: BinaryIO, delimiter: str) -> tuple[int, int]:
    """How many header cells are known, and how many there are at all."""
    try:
        header = next(records(source, delimiter), None)
    except UnreadableFile:
        return (0, 0)
    if header is None:
        return (0, 0)
    return (sum(1 for cell in header.cells if recognized(cell)), len(header.cells))


def below_header(source: BinaryIO, delimiter: str) -> Iterator[Record]:
    """The records after the header."""
    found = records(source, delimiter)
    next(found, None)
    return found


def records(source: BinaryIO, delimiter: str) -> Iterator[Record]:
    """All records that have content, each with the line on which it starts."""
    source.seek(0)
    text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            check_length(cells, line)
            if any(cell.strip() for cell in cells):
                yield Record(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise malformed(error, line) from error
    finally:
        text.detach()


def check_length(cells: Sequence[str], line: int) -> None:
    """Returns if the record that starts on `line` is no longer than rows may be."""
    if len(cells) + sum(map(len, cells)) > LONGEST_ROW:
        detail = f"The row on line {line} is longer than {LONGEST_ROW:,} characters."
        raise UnreadableFile("import.row_too_long", detail)


def malformed(error: csv.Error, line: int) -> UnreadableFile:
    """What is wrong with the record that starts on `line`."""
    if "field limit" in str(error):
        detail = f"A cell of the row on line {line} is longer than {LONGEST_CELL:,} characters; "
        return UnreadableFile(
            "import.cell_too_long", detail + "perhaps a quotation mark is missing."
        )
    detail = f"The row on line {line} has a quotation mark where none may be, or one is missing."
    return UnreadableFile("import.malformed_file", detail)
