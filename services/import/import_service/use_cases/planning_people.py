"""Planning, first half: what each row's person would become. Nobody is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from chassis.database import UnitOfWork
from import_service import storage
from import_service.domain import CHUNK_ROWS, Outcome, Step, positions_of
from import_service.reading.problems import at_most
from import_service.use_cases.turns import Next, Turn, settle

Found = dict[str, Any]


def plan_people(turn: Turn) -> Any | None:
    """Asks identity, without changing anything, what would become of a chunk of rows."""
    span = turn.rest[:CHUNK_ROWS]
    with turn.database.unit_of_work(turn.organization_id) as uow:
        rows = storage.rows.unplanned(uow, span)
        owners = storage.rows.owners_of(uow, turn.upload, {k for row in rows for k in row.known_as})
    repeated = {row.position: repeats(row, owners) for row in rows}
    fresh = [row for row in rows if repeated[row.position] is None]
    results = turn.identity.upsert([row.person for row in fresh], dry_run=True)
    outcomes = [found_of(turn, row, result) for row, result in zip(fresh, results, strict=True)]
    outcomes += [invalid(row, error) for row in rows if (error := repeated[row.position])]
    return settle(turn, partial(store_plan, turn, span, outcomes))


def repeats(row: Any, owners: Mapping[str, Any]) -> Found | None:
    """The error of a row whose e-mail, username or external id an earlier row has; else None."""
    firsts = [owners[key] for key in row.known_as if owners[key].position < row.position]
    return duplicate(min(first.line for first in firsts)) if firsts else None


def duplicate(line: int) -> Found:
    """A second row for a person is not done, so that it can't silently undo the first."""
    detail = f"The person is on line {line} already; only that row is used."
    return {"column": None, "code": "import.duplicate_row", "detail": detail}


def found_of(turn: Turn, row: Any, result: Mapping[str, Any]) -> Found:
    """What becomes of a row by identity's answer."""
    return {
        "position": row.position,
        "line": row.line,
        "outcome": result["outcome"],
        "user_id": result.get("user_id"),
        "changes": result.get("changes"),
        "errors": at_most(problem_of(turn, error) for error in result.get("errors") or []),
    }


def problem_of(turn: Turn, error: Mapping[str, Any]) -> Found:
    """Identity's error about a field, as one about a column."""
    fields = [part for part in str(error.get("pointer", "")).split("/") if part]
    field = {"roles": "role"}.get(fields[0], fields[0]) if fields else None
    return {
        "column": turn.header_of(field) if field else None,
        "code": error.get("code", "request.invalid"),
        "detail": error.get("detail", ""),
    }


def invalid(row: Any, error: Found) -> Found:
    """What becomes of a row that can't be done."""
    return refused({"position": row.position, "line": row.line}, error)


def refused(outcome: Found, error: Found) -> Found:
    """The outcome of a row that is not done because of one error."""
    nothing = {"outcome": Outcome.INVALID.value, "user_id": None, "changes": None}
    return {**outcome, **nothing, "errors": [error]}


def store_plan(turn: Turn, span: range, outcomes: Sequence[Found], uow: UnitOfWork) -> Next:
    """Stores the chunk's outcomes, except that nobody is planned twice, by whatever key they were found."""
    claims = {f"id:{o['user_id']}": o for o in reversed(outcomes) if o["user_id"]}
    if claims:
        storage.rows.claim(uow, turn.upload, claims)
    owners = storage.rows.owners_of(uow, turn.upload, claims) if claims else {}
    judged = list(without_found_twice(outcomes, owners))
    storage.rows.set_outcomes(uow, judged, applied=False)
    if span.stop < turn.rest.stop:
        return Next(Step.PLAN_PEOPLE, span.stop, len(span))
    names_people = turn.upload.work_total > turn.upload.rows
    if not names_people:
        return Next(Step.FINISH_PLAN, 0, len(span))
    return Next(Step.PLAN_PAIRS, positions_of(turn.upload.number).start, len(span))


def without_found_twice(outcomes: Iterable[Found], owners: Mapping[str, Any]) -> Iterator[Found]:
    """The outcomes, those of people whom an earlier row means by another key made invalid."""
    for outcome in outcomes:
        owner = owners.get(f"id:{outcome['user_id']}")
        if owner is not None and owner.position < outcome["position"]:
            yield refused(outcome, duplicate(owner.line))
        else:
            yield outcome
