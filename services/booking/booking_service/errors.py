"""The errors of this service, with their stable codes.

PossiblyStale           decided from the replicas of identity's data: worth asking identity once, then final
├── UnknownOrganization (NotFound)
└── PersonNotBookable   (Invalid)
PairNotAssigned, StudentsMayNotBook, NotAllowed (Forbidden)
SessionConflict, WrongStatus, StaleVersion, ErasedPerson (Conflict)
UnknownSession (NotFound)
OverlapNotAllowed, ImpossibleStart (Invalid)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.errors import Conflict, FieldError, Forbidden, Invalid, NotFound


class PossiblyStale(Exception):
    """Refused by what the replicas say; they may not have heard of the latest yet."""


class UnknownOrganization(PossiblyStale, NotFound):
    """The organization is not known here."""

    def __init__(self) -> None:
        super().__init__("booking.unknown_organization", "There is no such organization.")


class PersonNotBookable(PossiblyStale, Invalid):
    """One of the two people can't have a session; the pointer says who."""

    @classmethod
    def unknown(cls, who: str) -> PersonNotBookable:
        """There is no such person in the organization, or not in this role."""
        detail = f"There is no such {who}."
        return cls(f"booking.unknown_{who}", detail, errors=[FieldError(f"/{who}_id", detail)])

    @classmethod
    def archived(cls, who: str) -> PersonNotBookable:
        """The person is archived."""
        detail = f"This {who} is archived."
        return cls("booking.archived_person", detail, errors=[FieldError(f"/{who}_id", detail)])


class PairNotAssigned(Forbidden):
    """Only assigned pairs may do this; `reason` is the assignment service's."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "assignment.pair_not_assigned",
            "This instructor and this student are not assigned to each other.",
            data={"reason": reason},
        )


class StudentsMayNotBook(Forbidden):
    """The organization does not let students book."""

    def __init__(self) -> None:
        super().__init__("booking.students_may_not_book", "Students can't book sessions here.")


class NotAllowed(Forbidden):
    """The actor's roles don't include this."""

    def __init__(self, detail: str) -> None:
        super().__init__("booking.not_allowed", detail)


class SessionConflict(Conflict):
    """The instructor or the student is taken; `data.conflicts` lists what is in the way."""

    def __init__(self, conflicts: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(
            "booking.conflict",
            "The instructor or the student already has a session at that time.",
            data={"conflicts": list(conflicts)},
        )


class WrongStatus(Conflict):
    """Not from the session's present status."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__("booking.wrong_status", detail, data={"status": status})


class StaleVersion(Conflict):
    """The session has changed since the caller read it."""

    def __init__(self, version: int) -> None:
        super().__init__(
            "booking.stale_version",
            "The session has changed since you read it.",
            data={"version": version},
        )


class ErasedPerson(Conflict):
    """Nothing is written any more into sessions of which somebody was erased."""

    def __init__(self) -> None:
        super().__init__(
            "booking.erased_person",
            "Somebody of this session was erased, so nothing can be written into it.",
        )


class UnknownSession(NotFound):
    """No such session, or none that the actor may see."""

    def __init__(self) -> None:
        super().__init__("booking.unknown_session", "There is no such session.")


class OverlapNotAllowed(Invalid):
    """Overlapping on purpose is for administrators whose organization only warns."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "booking.overlap_not_allowed", detail, errors=[FieldError("/allow_overlap", detail)]
        )


class ImpossibleStart(Invalid):
    """The session can't start then."""

    def __init__(self, detail: str, pointer: str = "/starts_at") -> None:
        super().__init__("request.invalid", detail, errors=[FieldError(pointer, detail)])
