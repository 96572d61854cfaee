"""The rules of a conversation: who its two people are, and whether it is open."""

from __future__ import annotations

import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Status = Literal["open", "closed"]

BODY_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Pair:
    """The two people of a conversation."""

    instructor_id: uuid.UUID
    student_id: uuid.UUID

    def includes(self, user_id: uuid.UUID) -> bool:
        """Whether `user_id` is one of the two."""
        return user_id in {self.instructor_id, self.student_id}


@dataclass(frozen=True, slots=True)
class Fact:
    """That an assignment began (then its pair's conversation is open) or ended (closed) at a moment."""

    status: Status
    assignment_id: uuid.UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a conversation is shown as open, by which assignment, and since what moment that is known.

    Facts arrive late, twice and out of order, and those from before the conversation was opened are not seen at all. So
    each is judged by its own time, never by its arrival. This decides what is shown; whether a message may be
    written is asked of the assignment service every time.
    """

    status: Status
    assignment_id: uuid.UUID
    as_of: datetime

    def after(self, fact: Fact) -> Standing:
        """What holds once `fact` is known, too.

        The end of the very assignment that this rests on counts whatever its time: `as_of` may come from our own clock
        (see `after_authorized`), which is not the assignment service's.
        """
        is_own_end = fact.status == "closed" and fact.assignment_id == self.assignment_id
        if fact.at <= self.as_of and not is_own_end:
            return self
        return Standing(fact.status, fact.assignment_id, fact.at)

    def after_authorized(self, assignment_id: uuid.UUID, now: datetime) -> Standing:
        """What holds when the pair opens its conversation on the strength of an assignment.

        The assignment that is known already tells nothing new: its end may have overtaken the decision.
        """
        if assignment_id == self.assignment_id:
            return self
        return Standing("open", assignment_id, now)


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """How far one of the pair has read, as a sequence; `is_instructor` says on which side of the pair."""

    is_instructor: bool
    sequence: int


def is_blank(body: str) -> bool:
    """Whether nothing of `body` can be seen: white space, and marks that take no room."""
    return not any(unicodedata.category(c)[0] not in "ZC" for c in body)
