"""Runs the step that an event says is due."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from chassis.context import acting_as
from chassis.database import Database
from chassis.errors import ServiceError, Unavailable
from chassis.events import Event
from import_service import storage
from import_service.clients import Assignment, Identity
from import_service.domain import BUSY, Step
from import_service.reading.problems import Problem
from import_service.use_cases.applying import apply_pairs, apply_people
from import_service.use_cases.finishing import finish, finish_plan
from import_service.use_cases.overruns import PROBLEM, Overruns
from import_service.use_cases.planning_pairs import plan_pairs
from import_service.use_cases.planning_people import plan_people
from import_service.use_cases.reading import read_upload
from import_service.use_cases.turns import MESSAGE_SECONDS, Turn, fail

log = structlog.get_logger()

# For one chunk, all calls to neighbours together; a file is read as a whole.
CHUNK_SECONDS: Final = 25.0
READ_SECONDS: Final = 600.0
TOO_LATE: Final = "deadline.exceeded"
OVERRUNS: Final = Overruns()

STEPS: Final[Mapping[Step, Callable[[Turn], Any | None]]] = {
    Step.READ: read_upload,
    Step.PLAN_PEOPLE: plan_people,
    Step.PLAN_PAIRS: plan_pairs,
    Step.FINISH_PLAN: finish_plan,
    Step.APPLY_PEOPLE: apply_people,
    Step.APPLY_PAIRS: apply_pairs,
    Step.FINISH: finish,
}


def run_step(
    database: Database,
    identity: Identity,
    assignment: Assignment,
    event: Event,
    *,
    import_id: uuid.UUID,
    step: Step,
    chunk: int,
) -> None:
    """Does the announced chunk of work and those after it, for a while. Does nothing when it is not due (any more).

    Unavailable, so that the message is tried again later, when a neighbour does not answer; chunks that were done are
    not done again. When a neighbour refuses, or a chunk takes too long by itself, the import fails.
    """
    with database.unit_of_work(event.organization_id) as uow:
        upload = storage.imports.find(uow, import_id)
    if not is_announced(upload, step, chunk):
        log.info("import.step_not_due", import_id=str(import_id), step=step.value, chunk=chunk)
        return
    until = time.monotonic() + MESSAGE_SECONDS
    while upload is not None:
        upload = take_turn(Turn(database, identity, assignment, upload, until))


def take_turn(turn: Turn) -> Any | None:
    """Does one chunk on behalf of the person who imports. The import if it is to go on here and now."""
    actor = storage.imports.actor_of(turn.upload)
    try:
        with acting_as(actor, seconds=seconds_for(turn.step)):
            return STEPS[turn.step](turn)
    except ServiceError as error:
        problem = problem_of(turn, error)
        if problem is None:
            raise
        found = {"import_id": str(turn.import_id), "step": turn.step.value}
        log.warning("import.refused", **found, code=problem["code"])
    with acting_as(actor, seconds=CHUNK_SECONDS):
        return fail(turn, problem)


def seconds_for(step: Step) -> float:
    """How long one turn may take."""
    return READ_SECONDS if step is Step.READ else CHUNK_SECONDS


def problem_of(turn: Turn, error: ServiceError) -> Problem | None:
    """Why an import that met this error fails; None if its turn is to be tried again later."""
    if not isinstance(error, Unavailable):
        return {"code": error.code, "column": None, "detail": error.detail}
    if error.code == TOO_LATE and OVERRUNS.is_too_often(turn.upload):
        return PROBLEM
    return None


def is_announced(upload: Any | None, step: Step, chunk: int) -> bool:
    """Whether the import still goes on from the message that announced this."""
    return (
        upload is not None
        and upload.status in BUSY
        and (upload.announced_step, upload.announced_chunk) == (step, chunk)
    )
