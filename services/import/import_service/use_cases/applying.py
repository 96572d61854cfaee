"""Doing what was planned. What really becomes of a row or pair replaces what the plan said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from chassis.database import UnitOfWork
from import_service import storage
from import_service.domain import CHUNK_PAIRS, CHUNK_ROWS, Action, Step, failure_of
from import_service.use_cases.planning_people import Found, found_of
from import_service.use_cases.turns import Next, Turn, settle


def apply_people(turn: Turn) -> None:
    """Creates and updates the people of a chunk of rows."""
    span = range(turn.start, min(turn.start + CHUNK_ROWS, turn.upload.rows))
    with turn.database.unit_of_work(turn.organization_id) as uow:
        rows = storage.rows.planned(uow, turn.import_id, span)
    results = turn.identity.upsert(
        [row.person for row in rows], dry_run=False, operation_id=turn.operation_id()
    )
    outcomes = [found_of(turn, row, result) for row, result in zip(rows, results, strict=True)]
    settle(turn, partial(store_people, turn, span, outcomes))


def store_people(turn: Turn, span: range, outcomes: Sequence[Found], uow: UnitOfWork) -> Next:
    """Stores what became of a chunk of rows; after the last one come the pairs."""
    storage.rows.set_outcomes(uow, turn.import_id, outcomes, applied=True)
    if span.stop < turn.upload.rows:
        return Next(Step.APPLY_PEOPLE, span.stop, len(span))
    has_pairs = turn.upload.work_total > turn.upload.rows
    return Next(Step.APPLY_PAIRS if has_pairs else Step.FINISH, 0, len(span))


def apply_pairs(turn: Turn) -> None:
    """Assigns and ends a chunk of pairs."""
    with turn.database.unit_of_work(turn.organization_id) as uow:
        pairs = storage.pairs.waiting(uow, turn.import_id, after=turn.start, most=CHUNK_PAIRS)
    outcomes = {pair.number: without_call(pair) for pair in pairs}
    for action, change in (
        (Action.ASSIGN, turn.assignment.assign),
        (Action.END, turn.assignment.end),
    ):
        due = [p for p in pairs if p.action == action and outcomes[p.number] is None]
        ids = [(str(pair.instructor_id), str(pair.student_id)) for pair in due]
        found = change(ids, turn.operation_id(action.value))
        outcomes.update(zip((pair.number for pair in due), found, strict=True))
    settle(turn, partial(store_outcomes, turn, pairs, outcomes))


def without_call(pair: Any) -> str | None:
    """The outcome of a pair that nobody needs to be asked about; else None."""
    if not pair.alive:
        return "skipped"
    if pair.instructor_id is None or pair.student_id is None:
        return "not_created" if pair.action == Action.ASSIGN else "not_assigned"
    return None


def store_outcomes(
    turn: Turn, pairs: Sequence[Any], outcomes: Mapping[int, str | None], uow: UnitOfWork
) -> Next:
    """Stores what became of a chunk of pairs; what went wrong is an error of the rows that name the pair."""
    storage.pairs.set_outcomes(
        uow,
        turn.import_id,
        (
            {
                "number": pair.number,
                "outcome": outcomes[pair.number],
                "instructor_id": pair.instructor_id,
                "student_id": pair.student_id,
            }
            for pair in pairs
        ),
    )
    errors = failures(turn, pairs, outcomes)
    storage.rows.add_errors(uow, turn.import_id, errors, refuse=False)
    if len(pairs) < CHUNK_PAIRS:
        return Next(Step.FINISH, 0, len(pairs))
    return Next(Step.APPLY_PAIRS, pairs[-1].number, len(pairs))


def failures(
    turn: Turn, pairs: Iterable[Any], outcomes: Mapping[int, str | None]
) -> dict[int, list[Found]]:
    """The errors of rows that name pairs which could not be assigned."""
    found: dict[int, list[Found]] = {}
    for pair in pairs:
        outcome = str(outcomes[pair.number])
        detail = failure_of(outcome)
        if detail is None:
            continue
        for named, position, column in (
            (pair.named_by_instructor, pair.instructor_position, "students"),
            (pair.named_by_student, pair.student_position, "instructors"),
        ):
            if named:
                error = {
                    "column": turn.header_of(column),
                    "code": f"import.pair_{outcome}",
                    "detail": detail,
                }
                found.setdefault(position, []).append(error)
    return found
