"""What every format is turned into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One row as the file has it. `line` is the line on which a person finds its start."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the records below it; `records` may be called again and starts anew."""

    format: str
    encoding: str
    delimiter: str | None
    header: Record
    records: Callable[[], Iterator[Record]]
