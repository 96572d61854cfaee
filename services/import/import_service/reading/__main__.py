"""`python -m import_service.reading < file > rows`: the child process that reads an upload.

Writes lines of JSON: first `{"detected", "rows"}` or `{"errors"}`, then one array of rows per line. It reads the file
twice, so that one that is broken somewhere yields no row at all.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

from import_service.reading.columns import Column, read_columns
from import_service.reading.detect import open_table
from import_service.reading.problems import UnreadableFile
from import_service.reading.rows import RowReader
from import_service.reading.table import Table

MOST_ROWS: Final = 250_000
BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 1_000_000
MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 120
# Ten times the largest file.
WRITTEN_BYTES: Final = 512 << 20


def limit_resources() -> None:
    """A file made to hurt ends this process, not the service."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES, WRITTEN_BYTES))


def read(source: BinaryIO) -> Iterator[str]:
    """The lines to write for the file."""
    try:
        table = open_table(source)
        columns = read_columns(table.header.cells)
        rows = count_rows(table)
    except UnreadableFile as problem:
        yield json.dumps({"errors": [problem.to_json()]})
        return
    yield json.dumps({"detected": describe(table, columns), "rows": rows})
    yield from batches(table, RowReader(columns))


def count_rows(table: Table) -> int:
    """How many rows there are; UnreadableFile if any can't be read, or if they are none or too many."""
    rows = sum(1 for _ in table.records())
    if rows == 0:
        raise UnreadableFile("import.no_rows", "The file has a header, but no rows below it.")
    if rows > MOST_ROWS:
        detail = f"The file has {rows:,} rows; upload at most {MOST_ROWS:,} at a time."
        raise UnreadableFile("import.too_many_rows", detail)
    return rows


def describe(table: Table, columns: list[Column]) -> dict[str, Any]:
    """`detected` as users see it."""
    return {
        "format": table.format,
        "encoding": table.encoding,
        "delimiter": table.delimiter,
        "sheets": [],
        "columns": [column.to_json() for column in columns],
    }


def batches(table: Table, reader: RowReader) -> Iterator[str]:
    """The rows, some hundred to a line, fewer where much is to be written of each."""
    batch: list[str] = []
    size = 0
    for place, record in enumerate(table.records()):
        batch.append(json.dumps(reader.read(place, record)))
        size += len(batch[-1])
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield line_of(batch)
            batch, size = [], 0
    if batch:
        yield line_of(batch)


def line_of(batch: Sequence[str]) -> str:
    """One array of the rows, which are JSON already."""
    return f"[{','.join(batch)}]"


def main() -> None:
    """Reads standard input, writes standard output."""
    limit_resources()
    for line in read(sys.stdin.buffer):
        sys.stdout.write(line)
        sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
