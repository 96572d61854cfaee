"""The rules of assignment: who can be paired, and whether a pair is allowed to work together now.

Pure: no database, no bus, no clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple, TypeVar

Item = TypeVar("Item")


class Role(StrEnum):
    """The two sides of a pair."""

    INSTRUCTOR = "instructor"
    STUDENT = "student"


class Source(StrEnum):
    """Which of the four ways made an assignment."""

    STUDENT_CREATION = "student_creation"
    BOOKING = "booking"
    MANUAL = "manual"
    IMPORT = "import"


class FutureSessions(StrEnum):
    """What becomes of a pair's sessions to come when its assignment ends."""

    KEEP = "keep"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Origin:
    """How an assignment came about: by which way, through whom, and when that was decided."""

    source: Source
    by: uuid.UUID
    at: datetime


class Pair(NamedTuple):
    """An instructor and a student; sorts the way PostgreSQL sorts the two ids."""

    instructor_id: uuid.UUID
    student_id: uuid.UUID

    @property
    def subject(self) -> str:
        """The pair as the subject of its events."""
        return f"{self.instructor_id}:{self.student_id}"

    def is_one_person(self) -> bool:
        """Whether both ids name the same person."""
        return self.instructor_id == self.student_id


@dataclass(frozen=True, slots=True)
class Participant:
    """What this service knows of a person. A greater `version` is newer."""

    id: uuid.UUID
    is_instructor: bool
    is_student: bool
    is_archived: bool
    version: int

    def is_newer_than(self, known: Participant | None) -> bool:
        """Whether this replaces what is known of the person. `storage.store_participants` holds it in SQL."""
        return known is None or known.version < self.version


class PairState(NamedTuple):
    """All that the decision about a pair rests on, read at one moment.

    `instructor_fits` and `student_fits` say whether the person holds the role, None that the person is not known
    here; `*_archived` goes with it.
    """

    assignment_id: uuid.UUID | None
    was_assigned: bool
    instructor_fits: bool | None
    instructor_archived: bool | None
    student_fits: bool | None
    student_archived: bool | None

    @property
    def misses_somebody(self) -> bool:
        """Whether nothing is known here of one of the two."""
        return self.instructor_fits is None or self.student_fits is None


class Obstacle(StrEnum):
    """Why a pair can't work together, whatever is assigned. The values are reasons of `authorize`."""

    UNKNOWN_INSTRUCTOR = "unknown_instructor"
    UNKNOWN_STUDENT = "unknown_student"
    INSTRUCTOR_ARCHIVED = "instructor_archived"
    STUDENT_ARCHIVED = "student_archived"


ARCHIVED: Final = frozenset({Obstacle.INSTRUCTOR_ARCHIVED, Obstacle.STUDENT_ARCHIVED})


def obstacle_of(state: PairState) -> Obstacle | None:
    """What stands between the two people, if anything."""
    if not state.instructor_fits:
        return Obstacle.UNKNOWN_INSTRUCTOR
    if not state.student_fits:
        return Obstacle.UNKNOWN_STUDENT
    if state.instructor_archived:
        return Obstacle.INSTRUCTOR_ARCHIVED
    if state.student_archived:
        return Obstacle.STUDENT_ARCHIVED
    return None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a pair may work together now, and why. `assignment_id` is the active assignment, if there is one."""

    reason: str
    assignment_id: uuid.UUID | None

    @property
    def allowed(self) -> bool:
        """There is one reason to allow and many to refuse."""
        return self.reason == "assigned"


def decide(state: PairState) -> Decision:
    """Allowed exactly when the pair is assigned and both people are there in their roles."""
    obstacle = obstacle_of(state)
    if obstacle is not None:
        return Decision(obstacle.value, state.assignment_id)
    if state.assignment_id is not None:
        return Decision("assigned", state.assignment_id)
    return Decision("ended" if state.was_assigned else "never_assigned", None)


def outcome_of_refusal(obstacle: Obstacle) -> str:
    """The outcome in `assign_many` for a pair that can't be assigned."""
    return "archived_person" if obstacle in ARCHIVED else obstacle.value


def newest_of_each(participants: Iterable[Participant]) -> list[Participant]:
    """One state per person, the newest, in the order of their ids (the order in which rows are locked)."""
    newest: dict[uuid.UUID, Participant] = {}
    for participant in participants:
        if participant.is_newer_than(newest.get(participant.id)):
            newest[participant.id] = participant
    return [newest[key] for key in sorted(newest)]


def is_overtaken(decided_at: datetime, ends: Iterable[datetime]) -> bool:
    """Whether a pair that somebody decided to assign at a moment was ended after that: then it stays ended.

    The decision may arrive long after it was made. `storage.insert_unless_ended_since` holds this in SQL.
    """
    return any(ended_at > decided_at for ended_at in ends)


def moment_of_beginning(decided_at: datetime, last_end: datetime) -> datetime:
    """When an assignment by hand begins: after its pair's ends, also one by another clock or while it waited.

    Others judge these facts by their times, in whatever order they come.
    """
    return max(decided_at, last_end + timedelta(microseconds=1))


def moment_of_end(assigned_at: datetime, now: datetime) -> datetime:
    """When an assignment ends: a clock behind the one that assigned must not end it before its start."""
    return max(now, assigned_at)


def in_chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """The items in order, in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
