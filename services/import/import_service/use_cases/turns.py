"""One turn of an import's work: a step's chunk, tried as often as it takes, stored once.

What makes it once is the import's row, which says what is due and is locked while a turn is stored. (An inbox entry per
message would not do: one message stands for as many chunks as fit into `MESSAGE_SECONDS`.)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from chassis.database import Database, UnitOfWork
from import_service import storage
from import_service.clients import Assignment, Identity
from import_service.domain import Associations, Status, Step, operation_id, positions_of
from import_service.reading.problems import quoted
from import_service.use_cases.state import end, hand_on

# A message each would cost more than a small chunk; too many, and other people's imports would wait.
MESSAGE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step works with. `upload` is the import as it was when the turn began."""

    database: Database
    identity: Identity
    assignment: Assignment
    upload: Any
    until: float

    @property
    def step(self) -> Step:
        """What is to be done."""
        return Step(self.upload.step)

    @property
    def start(self) -> int:
        """Where the chunk starts: a row's position or a pair's number."""
        return self.upload.chunk  # type: ignore[no-any-return]

    @property
    def rest(self) -> range:
        """The positions of the rows that are still to be gone through, from this chunk's on."""
        return range(self.start, positions_of(self.upload.number, self.upload.rows).stop)

    @property
    def import_id(self) -> uuid.UUID:
        """The import."""
        return self.upload.id  # type: ignore[no-any-return]

    @property
    def organization_id(self) -> uuid.UUID:
        """The organization the turn is confined to."""
        return self.upload.organization_id  # type: ignore[no-any-return]

    @property
    def associations(self) -> Associations:
        """What the file's pairs are for."""
        return Associations(self.upload.associations)

    def operation_id(self, part: str = "") -> uuid.UUID:
        """The id of a call to a neighbour, the same in every try of this turn."""
        revised = f"{part}/{self.upload.revision}" if self.upload.revision else part
        return operation_id(self.import_id, self.step, self.start, revised)

    def header_of(self, field: str) -> str:
        """The file's own name of a column, as errors show it."""
        columns = self.upload.detected["columns"]
        return quoted(next((c["header"] for c in columns if c["field"] == field), field))


@dataclass(frozen=True, slots=True)
class Next:
    """The step that is due after this one, and how much work this one did."""

    step: Step
    start: int = 0
    done: int = 0


Write = Callable[[UnitOfWork], Next | None]


def settle(turn: Turn, write: Write) -> Any | None:
    """Stores what a turn found or did, once, if nobody else did. The import if it is to go on here and now.

    When the rows were changed meanwhile, the chunk is to be done again, from what they say now. An import that was
    cancelled meanwhile goes no further; but what a turn already did to people is still noted.
    """
    going_on = None
    with turn.database.unit_of_work(turn.organization_id) as uow:
        upload = storage.imports.lock(uow, turn.import_id)
        if not is_at(upload, turn):
            return None
        if upload.revision != turn.upload.revision:
            return upload
        if upload.status == Status.CANCELLED:
            note_after_cancel(uow, turn, write)
        elif (following := write(uow)) is not None:
            going_on = go_on(uow, turn, upload, following)
        uow.commit()
    return going_on


def go_on(uow: UnitOfWork, turn: Turn, upload: Any, following: Next) -> Any | None:
    """Notes the next step. The import if there is still time for it under this message."""
    work_done = upload.work_done + following.done
    if time.monotonic() < turn.until:
        place = {"step": following.step.value, "chunk": following.start}
        return storage.imports.change(uow, upload.id, **place, work_done=work_done)
    hand_on(uow, upload, following.step, following.start, work_done=work_done)
    return None


def is_at(upload: Any, turn: Turn) -> bool:
    """Whether this turn is still the one that is due."""
    return (upload.step, upload.chunk) == (turn.step, turn.start)


def note_after_cancel(uow: UnitOfWork, turn: Turn, write: Write) -> None:
    """Stores what was applied while somebody cancelled, and counts again."""
    if turn.step in {Step.APPLY_PEOPLE, Step.APPLY_PAIRS}:
        write(uow)
        counts = storage.imports.applied_counts(uow, turn.upload)
        storage.imports.change(uow, turn.import_id, counts=counts)


def fail(turn: Turn, *problems: dict[str, Any]) -> Any | None:
    """Ends the import, saying why. What was applied stays applied."""

    def write(uow: UnitOfWork) -> None:
        counts = storage.imports.applied_counts(uow, turn.upload)
        end(uow, turn.upload, Status.FAILED, errors=list(problems), counts=counts)

    return settle(turn, write)
