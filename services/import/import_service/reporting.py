"""The files that people get: the report of an import, which can be uploaded again, and the template."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

from import_service.domain import Status
from import_service.reading.cells import guarded

TEMPLATE: Final = (
    "role,first_name,last_name,email,username,external_id,time_zone,phone,instructors,students\r\n"
    "instructor,Ines,Example,ines.example@example.com,,,Europe/Berlin,,,\r\n"
    "student,Sam,Example,sam.example@example.com,,,Europe/Berlin,,ines.example@example.com,\r\n"
)
BYTE_ORDER_MARK: Final = "\ufeff"


def header(detected: Mapping[str, Any]) -> str:
    """The report's first line, with the file's own encoding mark: the file's columns, then `outcome` and `errors`."""
    mark = BYTE_ORDER_MARK if detected["encoding"] == "utf-8-sig" else ""
    headers = [detected["columns"][i]["header"] for i in kept(detected)]
    return mark + written(detected, (*headers, "outcome", "errors"))


def line(detected: Mapping[str, Any], status: str, row: Any) -> str:
    """A row as uploaded, with its outcome and errors. Cells beyond the header stay there, to be refused again."""
    width = len(detected["columns"])
    cells = row.cells + [""] * (width - len(row.cells))
    own = [cells[i] for i in kept(detected)]
    return written(detected, (*own, outcome_of(row, status), errors_of(row.errors), *cells[width:]))


def kept(detected: Mapping[str, Any]) -> list[int]:
    """The places of the columns that are not from a report that was uploaded."""
    return [i for i, column in enumerate(detected["columns"]) if column["status"] != "report"]


def written(detected: Mapping[str, Any], cells: Iterable[str]) -> str:
    """A line with the file's own delimiter, of which no cell can run as a formula."""
    target = io.StringIO()
    writer = csv.writer(target, delimiter=detected["delimiter"] or ",", lineterminator="\r\n")
    writer.writerow([guarded(cell) for cell in cells])
    return target.getvalue()


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
