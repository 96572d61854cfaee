"""The pairs that a file names, each once, and what is to become of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from import_service.domain.people import Reference


class Action(StrEnum):
    """What a pair is named for."""

    ASSIGN = "assign"
    END = "end"


@dataclass(frozen=True, slots=True)
class PairPlan:
    """One pair. `planned` is what its outcome would be now."""

    instructor: Reference
    student: Reference
    named_by_instructor: bool
    named_by_student: bool
    action: Action
    planned: str = ""

    @property
    def key(self) -> str:
        """What makes two pairs the same."""
        return f"{key_of(self.instructor)}/{key_of(self.student)}"

    @property
    def ids(self) -> tuple[str, str] | None:
        """Both ids; None while one of the two is yet to be created."""
        instructor_id, student_id = self.instructor.user_id, self.student.user_id
        return (instructor_id, student_id) if instructor_id and student_id else None

    def judged(self, is_active: bool) -> PairPlan:
        """The same pair, knowing whether it is assigned now."""
        if self.action is Action.ASSIGN:
            return replace(self, planned="already_assigned" if is_active else "assigned")
        return replace(self, planned="ended" if is_active else "not_assigned")


def key_of(reference: Reference) -> str:
    """A person by id, or by the row that will create them."""
    return reference.user_id or f"#{reference.position}"


class Pairs:
    """The pairs of one chunk, merged. Naming a pair wins over ending it: a file never undoes what it asks for."""

    def __init__(self) -> None:
        self._by_key: dict[str, PairPlan] = {}

    def add(self, pair: PairPlan) -> None:
        """Adds a pair, or merges it with the same one."""
        present = self._by_key.get(pair.key)
        if present is None or (present.action, pair.action) == (Action.END, Action.ASSIGN):
            self._by_key[pair.key] = pair
        elif present.action is pair.action:
            self._by_key[pair.key] = merged(present, pair)

    def __iter__(self) -> Iterator[PairPlan]:
        return iter(self._by_key.values())


def merged(one: PairPlan, other: PairPlan) -> PairPlan:
    """The same pair, named from both sides."""
    return replace(
        one,
        instructor=located(one.instructor, other.instructor),
        student=located(one.student, other.student),
        named_by_instructor=one.named_by_instructor or other.named_by_instructor,
        named_by_student=one.named_by_student or other.named_by_student,
    )


def located(one: Reference, other: Reference) -> Reference:
    """The same person with the position that either knows."""
    return one if one.position is not None else other


FAILURES = {
    "unknown_instructor": "The pair was not assigned: the instructor is none any more.",
    "unknown_student": "The pair was not assigned: the student is none any more.",
    "archived_person": "The pair was not assigned: one of the two is archived.",
    "same_person": "The pair was not assigned: both are the same person.",
    "not_created": "The pair was not assigned: one of the two could not be created.",
}


def failure_of(outcome: str) -> str | None:
    """What is to be said of a pair that could not be assigned; None if all went well."""
    return FAILURES.get(outcome)
