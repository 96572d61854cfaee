"""Doing what was planned. What really becomes of a row or pair replaces what the plan said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chassis.database import UnitOfWork
from import_service import storage
from import_service.domain import CHUNK_PAIRS, CHUNK_ROWS, Action, Outcome, Step, failure_of
from import_service.use_cases.planning_people import Found, found_of
from import_service.use_cases.turns import Next, Turn, settle


def apply_people(turn: Turn) -> Any | None:
    """Creates and updates the people of a chunk of rows."""
    span = turn.rest[:CHUNK_ROWS]
    with turn.database.unit_of_work(turn.organization_id) as uow:
        rows = storage.rows.planned(uow, span)
    results = turn.identity.upsert(
        [row.person for row in rows],
        dry_run=False,
        send_invitations=turn.upload.send_invitations,
        operation_id=turn.operation_id(),
    )
    outcomes = [found_of(turn, row, result) for row, result in zip(rows, results, strict=True)]
    return settle(turn, partial(store_people, turn, span, outcomes))


def store_people(turn: Turn, span: range, outcomes: Sequence[Found], uow: UnitOfWork) -> Next:
    """Stores what became of a chunk of rows; after the last one come the pairs."""
    storage.rows.set_outcomes(uow, outcomes, applied=True)
    if span.stop < turn.rest.stop:
        return Next(Step.APPLY_PEOPLE, span.stop, len(span))
    has_pairs = turn.upload.work_total > turn.upload.rows
    return Next(Step.APPLY_PAIRS if has_pairs else Step.FINISH, 0, len(span))


def apply_pairs(turn: Turn) -> Any | None:
    """Assigns and ends a chunk of pairs."""
    with turn.database.unit_of_work(turn.organization_id) as uow:
        found = storage.pairs.waiting(uow, turn.upload, after=turn.start, most=CHUNK_PAIRS)
        places = {at for pair in found for at in (pair.instructor_position, pair.student_position)}
        rows = storage.rows.at(uow, places - {None})
    pairs = [DuePair.of(pair, rows) for pair in found]
    outcomes = {pair.number: pair.outcome_without_call for pair in pairs}
    for action, change in (
        (Action.ASSIGN, turn.assignment.assign),
        (Action.END, turn.assignment.end),
    ):
        due = [p for p in pairs if p.action == action and outcomes[p.number] is None]
        ids = [(str(pair.instructor_id), str(pair.student_id)) for pair in due]
        answers = change(ids, turn.operation_id(action.value))
        outcomes.update(zip((pair.number for pair in due), answers, strict=True))
    return settle(turn, partial(store_outcomes, turn, pairs, outcomes))


@dataclass(frozen=True, slots=True)
class DuePair:
    """A pair with the ids that its people have by now, and the rows that name it and were applied."""

    number: int
    action: str
    instructor_id: str | None
    student_id: str | None
    naming_instructor: int | None
    naming_student: int | None

    @classmethod
    def of(cls, pair: Any, rows: Mapping[int, Any]) -> DuePair:
        """From the stored pair and the rows of its people."""
        instructor, student = rows.get(pair.instructor_position), rows.get(pair.student_position)
        return cls(
            pair.number,
            pair.action,
            id_of(pair.instructor_id, instructor),
            id_of(pair.student_id, student),
            pair.instructor_position
            if pair.named_by_instructor and is_applied(instructor)
            else None,
            pair.student_position if pair.named_by_student and is_applied(student) else None,
        )

    @property
    def outcome_without_call(self) -> str | None:
        """The outcome of a pair that nobody needs to be asked about; else None."""
        if self.naming_instructor is None and self.naming_student is None:
            return "skipped"
        if self.instructor_id is None or self.student_id is None:
            return "not_created" if self.action == Action.ASSIGN else "not_assigned"
        return None


def id_of(user_id: str | None, row: Any | None) -> str | None:
    """A person's id: known when it was planned, or given since."""
    return user_id or (row.user_id if row is not None else None)


def is_applied(row: Any | None) -> bool:
    """Whether the row was not refused."""
    return row is not None and row.outcome != Outcome.INVALID


def store_outcomes(
    turn: Turn, pairs: Sequence[DuePair], outcomes: Mapping[int, str | None], uow: UnitOfWork
) -> Next:
    """Stores what became of a chunk of pairs; what went wrong is an error of the rows that name the pair."""
    storage.pairs.set_outcomes(
        uow,
        [
            {
                "number": pair.number,
                "outcome": outcomes[pair.number],
                "instructor_id": pair.instructor_id,
                "student_id": pair.student_id,
            }
            for pair in pairs
        ],
    )
    errors = failures(turn, pairs, outcomes)
    storage.rows.add_errors(uow, errors, refuse=False)
    if len(pairs) < CHUNK_PAIRS:
        return Next(Step.FINISH, 0, len(pairs))
    return Next(Step.APPLY_PAIRS, pairs[-1].number, len(pairs))


def failures(
    turn: Turn, pairs: Iterable[DuePair], outcomes: Mapping[int, str | None]
) -> dict[int, list[Found]]:
    """The errors of rows that name pairs which could not be assigned."""
    found: dict[int, list[Found]] = {}
    for pair in pairs:
        outcome = str(outcomes[pair.number])
        detail = failure_of(outcome)
        if detail is None:
            continue
        for position, column in (
            (pair.naming_instructor, "students"),
            (pair.naming_student, "instructors"),
        ):
            if position is not None:
                error = {
                    "column": turn.header_of(column),
                    "code": f"import.pair_{outcome}",
                    "detail": detail,
                }
                found.setdefault(position, []).append(error)
    return found
