"""Bookings, moves, cancellations and what else becomes of sessions."""

from __future__ import annotations

import uuid
from typing import Any

from chaos.clients.client import Client
from chaos.clients.wire import Answer, Call
from chaos.clients.world import KnownSession, Pair


def book(client: Client) -> None:
    """An administrator books any pair, which assigns it: way 2. Some sessions should have taken place already."""
    is_past = client.rng.random() < 0.1
    organization = client.organization
    starts_at = organization.past_hour() if is_past else organization.hour(client.rng)
    book_at(client, organization.wide_pair(client.rng), starts_at, is_past=is_past)


def book_own(client: Client) -> None:
    """An instructor or student books with somebody of whom they do not know whether they are assigned."""
    pair = client.organization.pair(client.rng)
    if client.person.role == "instructor":
        pair = Pair(client.person.id, pair.student_id)
    else:
        pair = Pair(pair.instructor_id, client.person.id)
    book_at(client, pair, client.organization.hour(client.rng))


def book_at(client: Client, pair: Pair, starts_at: str, *, is_past: bool = False) -> None:
    """The title holds the key, so that a session that was made twice shows."""
    key = str(uuid.uuid4())
    body = {
        **pair.body,
        "starts_at": starts_at,
        "duration_minutes": client.rng.choice((30, 60, 90)),
        "title": client.organization.text(f"Session {key}"),
        **maybe_overlapping(client),
    }
    call = Call("book_session", "POST", "/sessions", body, about=by(client), key=key)
    learn(client, client.perform(call), pair, is_past=is_past)


def maybe_overlapping(client: Client) -> dict[str, bool]:
    """Now and then the wish to overlap, of those who may and of those who may not; students can't even say it."""
    likely = {"owner": 0.2, "admin": 0.2, "instructor": 0.03}.get(client.person.role, 0.0)
    return {"allow_overlap": True} if client.rng.random() < likely else {}


def by(client: Client) -> dict[str, Any]:
    """Who asks, for those who read the history."""
    return {"by": client.person.id, "role": client.person.role}


def learn(client: Client, answer: Answer, pair: Pair, *, is_past: bool) -> None:
    """Remembers a session that was booked."""
    if answer.is_ok:
        known = KnownSession(answer.body["id"], pair, is_past)
        client.organization.learn(client.organization.sessions, known)


def act(client: Client, operation: str, action: str, *, past: bool = False, **body: str) -> None:
    """One of the actions on a known session."""
    session = client.organization.some_session(client.rng, client.person, past=past)
    if session is not None:
        path = f"/sessions/{session.id}/{action}"
        about = {"session_id": session.id, **by(client)}
        client.change(operation, "POST", path, body or None, about=about)


def reschedule(client: Client) -> None:
    """Moves a session, to an hour that others may want, too."""
    session = client.organization.some_session(client.rng, client.person)
    if session is not None:
        client.change(
            "reschedule_session",
            "PATCH",
            f"/sessions/{session.id}",
            {"starts_at": client.organization.hour(client.rng), **maybe_overlapping(client)},
            about={"session_id": session.id, **by(client)},
        )


def cancel(client: Client) -> None:
    """Cancels a session."""
    act(client, "cancel_session", "cancel", reason=client.organization.text("Ill"))


def answer_request(client: Client) -> None:
    """Confirms or declines what may be a request."""
    if client.rng.random() < 0.7:
        act(client, "confirm_session", "confirm")
    else:
        act(client, "decline_session", "decline", reason=client.organization.text("Busy"))


def complete(client: Client) -> None:
    """Notes that a session of the past took place."""
    act(client, "complete_session", "complete", past=True)
