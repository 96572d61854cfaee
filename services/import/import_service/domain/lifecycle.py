"""The life of an import: its states, its steps, its figures."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, TypeVar

Item = TypeVar("Item")

LARGEST_FILE: Final = 50 * (1 << 20)
CHUNK_ROWS: Final = 500
CHUNK_NAMES: Final = 2000  # in the lists of up to CHUNK_ROWS rows

# Positions are unique across imports: the n-th row of the import with number m has m * ROWS_PER_IMPORT + n.
ROWS_PER_IMPORT: Final = 1 << 18
CHUNK_PAIRS: Final = 1000


class Status(StrEnum):
    """What `get_import` shows. `reading` lasts from the first byte until the plan stands."""

    READING = "reading"
    PLANNED = "planned"
    APPLYING = "applying"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


# In these a step is due, or the upload is still arriving.
BUSY: Final = frozenset({Status.READING, Status.APPLYING})


class Associations(StrEnum):
    """What the columns `instructors` and `students` do to the pairs they name."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


class Outcome(StrEnum):
    """What becomes of a row's person."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    INVALID = "invalid"


class Step(StrEnum):
    """The steps of the work, in order. People come before pairs, so that a file's rows may stand in any order."""

    READ = "read"
    PLAN_PEOPLE = "plan_people"
    PLAN_PAIRS = "plan_pairs"
    FINISH_PLAN = "finish_plan"
    APPLY_PEOPLE = "apply_people"
    APPLY_PAIRS = "apply_pairs"
    FINISH = "finish"


def parts(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """The items in runs of at most `most`."""
    for start in range(0, len(items), most):
        yield items[start : start + most]


def operation_id(import_id: uuid.UUID, step: Step, chunk: int, part: str = "") -> uuid.UUID:
    """The id of a chunk's call to a neighbour: the same however often the chunk is tried."""
    return uuid.uuid5(import_id, f"{step}/{chunk}/{part}")


def positions_of(number: int, rows: int = ROWS_PER_IMPORT) -> range:
    """The positions of an import's rows."""
    first = number * ROWS_PER_IMPORT
    return range(first, first + rows)


def no_counts() -> dict[str, int]:
    """`counts` before anything is known."""
    names = ("rows", "create", "update", "unchanged", "assign", "unassign", "invalid")
    return dict.fromkeys(names, 0)


def shown_progress(rows: int, work_done: int, work_total: int) -> dict[str, int]:
    """Progress in rows: people may take one pass over the file and pairs another, which nobody needs to know."""
    if work_total == 0:
        return {"done": 0, "total": rows}
    return {"done": min(rows, rows * work_done // work_total), "total": rows}
