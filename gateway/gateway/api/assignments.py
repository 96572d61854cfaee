"""Assignments: which instructor works with which student."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Response

from chassis.context import current_actor
from chassis.errors import Invalid
from gateway import access, answers, counterparts, rpc
from gateway.declarations import Answer
from gateway.pages import PageQuery
from gateway.parts import parts
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas import assignments as schemas
from gateway.waiting import Pair

routes = Routes("assignments", "Which instructor works with which student")


@routes.put(
    "/students/<uuid:student_id>/instructors/<uuid:instructor_id>",
    who=access.ADMINS,
    answers={
        201: Answer(schemas.Assignment, "Assigned."),
        200: Answer(schemas.Assignment, "It was there already."),
    },
)
def assign(student_id: str, instructor_id: str) -> Response:
    """Assign an instructor to a student."""
    done = rpc.change("assignment", "assign", instructor_id=instructor_id, student_id=student_id)
    return answers.json(done["assignment"], 201 if done["created"] else 200)


@routes.delete(
    "/students/<uuid:student_id>/instructors/<uuid:instructor_id>",
    who=access.ADMINS,
    query=schemas.EndQuery,
    answers={200: Answer(schemas.EndedAssignment, "Ended.")},
)
def end(student_id: str, instructor_id: str, query: dict[str, Any]) -> Response:
    """End an assignment; the pair's future sessions are kept, or cancelled too."""
    choice = query.get("future_sessions", "keep")
    if choice not in {"keep", "cancel"}:
        raise Invalid.field("/future_sessions", "Must be one of: keep, cancel.")
    pair = {"instructor_id": instructor_id, "student_id": student_id}
    # Counted first: if booking does not answer, nothing is changed.
    count: int = rpc.call("booking", "count_future_sessions", **pair)["count"]
    done = rpc.change("assignment", "end_assignment", future_sessions=choice, **pair)
    forget([done["ended"]])
    cancelled = cancel_sessions(pair, count) if choice == "cancel" else 0
    kept = count if choice == "keep" else 0
    future_sessions = {"kept": kept, "cancelled": cancelled}
    return answers.json({"ended": done["ended"], "future_sessions": future_sessions})


def cancel_sessions(pair: dict[str, str], count: int) -> int:
    """How many are cancelled. The event of the end does it in any case, and may have been faster than this call."""
    done = rpc.attempt_change(
        "booking", "cancel_future_sessions", step="cancel_sessions", seconds=1.5, **pair
    )
    return max(count, done["cancelled"] if done else 0)


@routes.post(
    "/assignments/batch",
    who=access.ADMINS,
    body=JsonBody(schemas.Batch),
    answers={200: Answer(schemas.BatchResult, "One result for each pair, in order.")},
)
def assign_or_end_many(body: dict[str, Any]) -> Response:
    """Assign, or end, up to 1,000 pairs at once."""
    methods = {"assign": "assign_many", "end": "end_many"}
    method = methods.get(str(body["operation"]))
    if method is None:
        raise Invalid.field("/operation", "Must be one of: assign, end.")
    done = rpc.change("assignment", method, pairs=body["pairs"])
    forget(result for result in done["results"] if result["outcome"] == "ended")
    return answers.json({"results": done["results"]})


def forget(ended: Iterable[dict[str, Any]]) -> None:
    """The next booking of these pairs makes a new assignment; the event that says so to others comes a moment later."""
    organization = str(current_actor().organization_id)
    for one in ended:
        pair = Pair(organization, one["instructor_id"], one["student_id"])
        parts().arrivals.registry.forget(pair)


@routes.get(
    "/assignments",
    who=access.THEIRS,
    query=schemas.AssignmentQuery,
    answers={200: Answer(schemas.AssignmentPage, "Newest first, with history.")},
)
def list_assignments(query: dict[str, Any]) -> Response:
    """List assignments, ended ones too."""
    return answers.json(rpc.call("assignment", "list_assignments", **query))


@routes.get(
    "/assignments/explain",
    who=access.PAIR,
    query=schemas.Pair,
    answers={200: Answer(schemas.Explanation, "The decision.")},
)
def explain(query: dict[str, Any]) -> Response:
    """Say whether a pair may book and message, and why."""
    return answers.json(rpc.call("assignment", "explain", **query))


@routes.get(
    "/students/<uuid:student_id>/instructors",
    who=access.PERSON,
    query=PageQuery,
    answers={200: Answer(schemas.AssignedInstructorPage, "Newest first.")},
)
def list_instructors(student_id: str, query: dict[str, Any]) -> Response:
    """List a student's instructors."""
    actor = current_actor()
    return answers.json(counterparts.page_of(actor, "student", student_id, "instructor", query))


@routes.get(
    "/instructors/<uuid:instructor_id>/students",
    who=access.PERSON,
    query=PageQuery,
    answers={200: Answer(schemas.AssignedStudentPage, "Newest first.")},
)
def list_students(instructor_id: str, query: dict[str, Any]) -> Response:
    """List an instructor's students."""
    actor = current_actor()
    return answers.json(counterparts.page_of(actor, "instructor", instructor_id, "student", query))
