"""The files that people get: the report of an import, which can be uploaded again, and the template."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from import_service.domain import Status
from import_service.reading.cells import guarded

TEMPLATE: Final = (
    "role,first_name,last_name,email,username,external_id,time_zone,phone,instructors,students\r\n"
    "instructor,Ines,Example,ines.example@example.com,,,Europe/Berlin,,,\r\n"
    "student,Sam,Example,sam.example@example.com,,,Europe/Berlin,,ines.example@example.com,\r\n"
)
BYTE_ORDER_MARK: Final = "\ufeff"


def write(
    detected: Mapping[str, Any], status: str, rows: Iterable[Any], *, with_header: bool
) -> str:
    """Rows as uploaded, in the file's own encoding mark and delimiter, with `outcome` and `errors` after them.

    Columns of these names that the upload already had are left out, and no cell can run as a formula.
    """
    columns = detected["columns"]
    kept = [i for i, column in enumerate(columns) if column["status"] != "report"]
    target = io.StringIO()
    writer = csv.writer(target, delimiter=detected["delimiter"] or ",", lineterminator="\r\n")
    if with_header:
        if detected["encoding"] == "utf-8-sig":
            target.write(BYTE_ORDER_MARK)
        headers = [columns[i]["header"] for i in kept]
        writer.writerow([guarded(cell) for cell in (*headers, "outcome", "errors")])
    for row in rows:
        writer.writerow([guarded(cell) for cell in record(row, kept, len(columns), status)])
    return target.getvalue()


def record(row: Any, kept: Sequence[int], width: int, status: str) -> list[str]:
    """One row of the report. Cells beyond the header stay beyond it, so that they are refused again."""
    cells = row.cells + [""] * (width - len(row.cells))
    own = [cells[i] for i in kept]
    return [*own, outcome_of(row, status), errors_of(row.errors), *cells[width:]]


def outcome_of(row: Any, status: str) -> str:
    """The row's outcome; of an import that was cancelled half-way, also whether it was reached."""
    if status == Status.CANCELLED and not row.applied and row.outcome != "invalid":
        return "not applied"
    return row.outcome or ""


def errors_of(errors: Iterable[Mapping[str, Any]]) -> str:
    """What is wrong with a row, in words."""
    return " ".join(
        f"{error['column']}: {error['detail']}" if error["column"] else error["detail"]
        for error in errors
    )
