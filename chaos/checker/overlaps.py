"""Overlapping on purpose: only where and by whom it may be, and what overlaps blocks ordinary sessions nevertheless."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.checker.calls import Call, Calls, Violation
from chaos.checker.sessions import NO_OVERLAP, about_sessions, epoch
from chaos.final import FinalState, Row
from chaos.history import Entry

ON_PURPOSE = "sessions overlap only where an administrator allowed it"

ADMINS = frozenset({"owner", "admin"})


@dataclass(frozen=True)
class Placed:
    """A session with the calls that put it where it is, or may have."""

    row: Row
    calls: Sequence[Call]

    @property
    def began(self) -> float:
        """Before this it was not there."""
        return min(call.began for call in self.calls)

    @property
    def ended(self) -> float:
        """From then on it was there."""
        return max(call.ended for call in self.calls)


def on_purpose(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """A session overlaps on purpose if who put it there asked for that, and was an administrator who may."""
    calls = Calls(entries)
    warned = organizations_that_warn(calls)
    for one in placed(calls, final):
        allowed = {asks(call) for call in one.calls if not asks(call) or may(call, warned)}
        if one.row["allow_overlap"] not in allowed:
            what = f"session {one.row['id']} has allow_overlap {one.row['allow_overlap']}"
            yield Violation(ON_PURPOSE, what, entries_of(one))


def organizations_that_warn(calls: Calls) -> set[str]:
    """Those whose policy is, or may be, to warn only."""
    return {
        call.organization
        for call in calls.that_may_have_happened("change_organization")
        if call.request["body"].get("conflict_policy") == "warn"
    }


def asks(call: Call) -> bool:
    """Whether it asked to overlap."""
    return bool(call.request["body"].get("allow_overlap"))


def may(call: Call, warned: set[str]) -> bool:
    """Whether it may have been allowed to."""
    return call.request.get("role") in ADMINS and call.organization in warned


def entries_of(one: Placed) -> tuple[Entry, ...]:
    """What was asked and answered."""
    return tuple(entry for call in one.calls for entry in call.entries)


def placed(calls: Calls, final: FinalState) -> Iterator[Placed]:
    """Every active session whose booking was answered, if a known call put it where it is."""
    sessions = {row["id"]: row for row in final.sessions if row["status"] != "cancelled"}
    moves: dict[str, list[Call]] = defaultdict(list)
    for call in calls.that_may_have_happened("reschedule_session"):
        moves[call.request["session_id"]].append(call)
    for booking in calls.that_were_done("book_session"):
        row = sessions.get(booking.answer["id"])
        if row is None:
            continue  # what is gone is told elsewhere
        theirs = [call for call in moves[row["id"]] if is_to(call.request["body"], row)]
        first = [booking] if is_to(booking.answer, row) else []
        if there := [*first, *theirs]:
            yield Placed(row, there)


def is_to(said: Mapping[str, Any], row: Row) -> bool:
    """Whether it names the time at which the session is."""
    return bool(epoch(said["starts_at"]) == row["starts_at"])


def blocked(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """An ordinary session was put where one stood already that overlaps on purpose."""
    calendars: dict[tuple[str, str], list[Placed]] = defaultdict(list)
    for one in placed(Calls(entries), final):
        for side in ("instructor_id", "student_id"):
            calendars[side, one.row[side]].append(one)
    shown = about_sessions(entries)
    for (side, person), theirs in calendars.items():
        for ordinary, special in intrusions(theirs):
            first, second = special.row["id"], ordinary.row["id"]
            what = f"{side} {person} got {second} though there was {first}"
            yield Violation(NO_OVERLAP, what, (*shown[first], *shown[second]))


def intrusions(theirs: Sequence[Placed]) -> Iterator[tuple[Placed, Placed]]:
    """Ordinary sessions that certainly came after one that overlaps them on purpose."""
    ordinary = [one for one in theirs if not one.row["allow_overlap"]]
    for special in (one for one in theirs if one.row["allow_overlap"]):
        for one in ordinary:
            if overlap(one.row, special.row) and one.began > special.ended:
                yield one, special


def overlap(one: Row, other: Row) -> bool:
    """Half-open: one may begin when the other ends."""
    return bool(one["starts_at"] < other["ends_at"] and other["starts_at"] < one["ends_at"])
