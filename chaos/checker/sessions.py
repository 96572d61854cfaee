"""Bookings: each that was answered is there, as what was done to it allows, and nobody is booked twice at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from chaos.checker.calls import Call, Calls, Violation, Write, by_id, possible_values, write_of
from chaos.checker.clocks import Clocks
from chaos.final import FinalState, Row
from chaos.history import Entry

STANDS = "every 2xx stands"
NO_OVERLAP = "nobody is booked twice at once"
ENDED_WITH_SESSIONS = "sessions end with their assignment"

# What an action makes of a session. None of these states is left again, but for `scheduled`.
BECOMES = {
    "confirm_session": "scheduled",
    "decline_session": "cancelled",
    "cancel_session": "cancelled",
    "complete_session": "completed",
}


def overlaps(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Two active sessions of one person at one time."""
    calendars: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for session in final.sessions:
        if session["status"] != "cancelled" and not session["allow_overlap"]:
            for side in ("instructor_id", "student_id"):
                calendars[side, session[side]].append(session)
    shown = about_sessions(entries)
    for (side, person), sessions in calendars.items():
        for one, other in clashes(sessions):
            what = f"{side} {person} has {one['id']} and {other['id']}"
            yield Violation(NO_OVERLAP, what, (*shown[one["id"]], *shown[other["id"]]))


def clashes(sessions: list[Row]) -> Iterator[tuple[Row, Row]]:
    """Neighbours that overlap: if any two do, two neighbours do."""
    for one, other in pairwise(sorted(sessions, key=lambda session: session["starts_at"])):
        if other["starts_at"] < one["ends_at"]:
            yield one, other


def about_sessions(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The entries that made or changed a session, by its id."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.operation == "book_session":
            session_id = (entry.answer or {}).get("id")
        else:
            session_id = entry.request.get("session_id")
        if session_id:
            found[session_id].append(entry)
    return found


def standing(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Each booked session is there, with a state and a time that it can have."""
    calls, clocks = Calls(entries), Clocks(entries)
    sessions = by_id(final.sessions)
    changes = changes_by_session(calls)
    ends = ends_with_sessions(calls)
    for booking in calls.that_were_done("book_session"):
        session = sessions.get(booking.answer["id"])
        if session is None:
            what = f"session {booking.answer['id']} was booked and is not there"
            yield Violation(STANDS, what, booking.entries)
            continue
        theirs = changes[booking.answer["id"]]
        cancelling = [end for end in ends[pair_of(session)] if end.ended > booking.began]
        yield from wrong_status(booking, session, theirs, cancelling)
        yield from wrong_time(booking, session, theirs)
        yield from not_cancelled(booking, session, cancelling, clocks)


def changes_by_session(calls: Calls) -> dict[str, list[Call]]:
    """What was done, or may have been, to each session."""
    found: dict[str, list[Call]] = defaultdict(list)
    for call in calls.that_may_have_happened(*BECOMES, "reschedule_session"):
        found[call.request["session_id"]].append(call)
    return found


def pair_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """The pair that something is about."""
    return row["instructor_id"], row["student_id"]


def ends_with_sessions(calls: Calls) -> dict[tuple[str, str], list[Call]]:
    """By pair, what ended, or may have, its assignment together with its sessions to come."""
    found: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls.that_may_have_happened("end_assignment"):
        if call.request.get("future_sessions") == "cancel":
            for pair in call.request["pairs"]:
                found[pair_of(pair)].append(call)
    return found


def wrong_status(
    booking: Call, session: Mapping[str, Any], changes: Sequence[Call], cancelling: Sequence[Call]
) -> Iterator[Violation]:
    """A state that nothing led to, or one that was left for good."""
    allowed = allowed_statuses(booking.answer["status"], changes, cancelled=bool(cancelling))
    if session["status"] not in allowed:
        what = f"session {session['id']} is {session['status']}, not {' or '.join(sorted(allowed))}"
        shown = [entry for call in (*changes, *cancelling) for entry in call.entries]
        yield Violation(STANDS, what, (*booking.entries, *shown))


def allowed_statuses(first: str, changes: Sequence[Call], *, cancelled: bool) -> set[str]:
    """Where a session may be after all that was done to it, and maybe was."""
    actions = [call for call in changes if call.operation in BECOMES]
    done = {BECOMES[call.operation] for call in actions if call.verdict == "done"}
    if final := done - {"scheduled"}:
        return final
    maybe = {BECOMES[call.operation] for call in actions if call.verdict == "maybe"}
    now = {"scheduled"} if "scheduled" in done else {first}
    return now | maybe | ({"cancelled"} if cancelled else set())


def wrong_time(
    booking: Call, session: Mapping[str, Any], changes: Sequence[Call]
) -> Iterator[Violation]:
    """A time at which nobody put it, or one from which it was moved away."""
    moves = [call for call in changes if call.operation == "reschedule_session"]
    writes = [write_of(call, epoch(call.request["body"]["starts_at"])) for call in moves]
    first = Write(epoch(booking.answer["starts_at"]), booking.began, booking.ended, is_certain=True)
    if session["starts_at"] not in possible_values([first, *writes]):
        what = f"session {session['id']} is at another time than it was put to"
        shown = [entry for call in moves for entry in call.entries]
        yield Violation(STANDS, what, (*booking.entries, *shown))


def epoch(moment: str) -> float:
    """RFC 3339 as seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp()


def not_cancelled(
    booking: Call,
    session: Mapping[str, Any],
    cancelling: Sequence[Call],
    clocks: Clocks,
) -> Iterator[Violation]:
    """A session to come that outlived the end of its assignment, although it was to end with it."""
    if session["status"] not in {"pending", "scheduled"} or session["starts_at"] < booking.began:
        return
    for end in cancelling:
        if end.verdict == "done" and end.began > booking.ended + clocks.off_between(
            booking.began, end.ended
        ):
            what = f"session {session['id']} is {session['status']}"
            yield Violation(ENDED_WITH_SESSIONS, what, (*booking.entries, *end.entries))
            return
