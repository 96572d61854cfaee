"""Sessions."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from chassis.context import Actor, current, current_actor
from gateway import access, answers, etag, rpc, settling
from gateway.declarations import Answer
from gateway.parts import parts
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas.sessions import (
    BookedSession,
    NewSession,
    Reason,
    Session,
    SessionChanges,
    SessionPage,
    SessionQuery,
)
from gateway.waiting import Pair

routes = Routes("sessions", "Booking sessions")

SESSION = "/sessions/<uuid:session_id>"
CHANGED = {200: Answer(Session, "The session as changed.", has_tag=True)}


@routes.post(
    "/sessions",
    who=access.BOOKERS,
    body=JsonBody(NewSession),
    prefers_wait=True,
    answers={201: Answer(BookedSession, "The session.", has_tag=True)},
)
def book_session(body: dict[str, Any]) -> Response:
    """Book a session.

    An administrator books any pair, which assigns it: the answer waits up to 2 seconds for that. An instructor books
    assigned students. A student books or requests, as the organization allows.
    """
    actor = current_actor()
    if actor.has_role("owner", "admin"):
        return book_and_assign(actor, body)
    if requests_for_themselves(actor, body):
        session = rpc.change("booking", "request_session", **body)
    else:
        session = rpc.change("booking", "book_session", **body)["session"]
    return etag.answer(session, 201)


def requests_for_themselves(actor: Actor, body: dict[str, Any]) -> bool:
    """Whether the caller acts as the student of the session, not as its instructor."""
    if not actor.has_role("instructor"):
        return True
    me = str(actor.user_id)
    instructor_id, student_id = (
        str(body[name]).lower() for name in ("instructor_id", "student_id")
    )
    return actor.has_role("student") and student_id == me and instructor_id != me


def book_and_assign(actor: Actor, body: dict[str, Any]) -> Response:
    """Books for an administrator. The booking stands whatever becomes of the assignment meanwhile."""
    ids = (str(actor.organization_id), str(body["instructor_id"]), str(body["student_id"]))
    pair = Pair(*(text.lower() for text in ids))
    wait = settling.preferred_wait()
    with parts().arrivals.registry.expecting([pair]) as expectation:
        booked = rpc.change("booking", "book_session", **body)
        seen = settling.settle(
            expectation,
            likely=booked["pair_booked_before"] or current().replayed,
            seconds=settling.WAIT_SECONDS if wait is None else wait,
        )
    session = booked["session"]
    assignment_id = seen.get(pair)
    status = "active" if assignment_id else "pending"
    answer = {**session, "assignment": {"status": status, "id": assignment_id}}
    headers = {"ETag": etag.tag_of(session), **settling.applied(wait)}
    return answers.json(answer, 201, headers)


@routes.get(
    "/sessions",
    who=access.THEIRS,
    query=SessionQuery,
    answers={200: Answer(SessionPage, "By start.")},
)
def list_sessions(query: dict[str, Any]) -> Response:
    """List sessions."""
    return answers.json(rpc.call("booking", "list_sessions", **query))


@routes.get(
    SESSION, who=access.PARTICIPANTS, has_tag=True, answers={200: Answer(Session, "The session.")}
)
def get_session(session_id: str) -> Response:
    """One session."""
    return etag.answer(rpc.call("booking", "get_session", session_id=session_id))


@routes.patch(
    SESSION,
    who=access.SESSION_LEADERS,
    has_tag=True,
    body=JsonBody(SessionChanges),
    answers={200: Answer(Session, "The session as changed.")},
)
def change_session(session_id: str, body: dict[str, Any]) -> Response:
    """Move a session, or change what is written about it."""
    options = {name: body.pop(name) for name in ("allow_overlap",) if name in body}
    return etag.answer(
        rpc.change(
            "booking",
            "reschedule_session",
            session_id=session_id,
            changes=body,
            **options,
            **etag.if_version(),
        )
    )


@routes.post(f"{SESSION}/confirm", who=access.SESSION_LEADERS, answers=CHANGED)
def confirm_session(session_id: str) -> Response:
    """Confirm a requested session."""
    return changed("confirm_session", session_id)


@routes.post(
    f"{SESSION}/decline", who=access.SESSION_LEADERS, body=JsonBody(Reason), answers=CHANGED
)
def decline_session(session_id: str, body: dict[str, Any]) -> Response:
    """Decline a requested session."""
    return changed("decline_session", session_id, **body)


@routes.post(f"{SESSION}/cancel", who=access.PARTICIPANTS, body=JsonBody(Reason), answers=CHANGED)
def cancel_session(session_id: str, body: dict[str, Any]) -> Response:
    """Cancel a session."""
    return changed("cancel_session", session_id, **body)


@routes.post(f"{SESSION}/complete", who=access.SESSION_LEADERS, answers=CHANGED)
def complete_session(session_id: str) -> Response:
    """Note that a session took place."""
    return changed("complete_session", session_id)


@routes.post(f"{SESSION}/missed", who=access.SESSION_LEADERS, answers=CHANGED)
def miss_session(session_id: str) -> Response:
    """Note that a session was missed."""
    return changed("miss_session", session_id)


def changed(method: str, session_id: str, **arguments: Any) -> Response:
    """Changes a session's status."""
    return etag.answer(rpc.change("booking", method, session_id=session_id, **arguments))
