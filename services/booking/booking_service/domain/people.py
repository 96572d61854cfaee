"""Who books, and for whom: people and the organization's settings, as identity last told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from booking_service import errors

# In whose name somebody acts: administrators (and owners), the session's instructor, its student.
Capacity = Literal["admin", "instructor", "student"]


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization's settings that booking goes by."""

    time_zone: str
    conflict_policy: str
    students_may_book: str


@dataclass(frozen=True, slots=True)
class Participant:
    """What booking needs to know of a person."""

    roles: frozenset[str]
    status: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the replicas say about a booking; None is what they don't know."""

    organization: Organization | None
    instructor: Participant | None
    student: Participant | None

    def known_organization(self) -> Organization:
        """The settings; UnknownOrganization if there are none."""
        if self.organization is None:
            raise errors.UnknownOrganization
        return self.organization

    def require_bookable(self) -> None:
        """Both are there, in their role, and not archived."""
        require_bookable(self.instructor, "instructor")
        require_bookable(self.student, "student")


def require_bookable(person: Participant | None, who: str) -> None:
    """PersonNotBookable unless the person holds the role named `who` and is not archived."""
    if person is None or who not in person.roles:
        raise errors.PersonNotBookable.unknown(who)
    if person.status == "archived":
        raise errors.PersonNotBookable.archived(who)


def require_overlap_allowed(capacity: Capacity, organization: Organization) -> None:
    """Overlapping on purpose is for administrators, where the organization's policy is to warn."""
    if capacity != "admin":
        raise errors.OverlapNotAllowed("Only administrators may book over another session.")
    if organization.conflict_policy != "warn":
        raise errors.OverlapNotAllowed("This organization never lets sessions overlap.")


def first_status(capacity: Capacity, organization: Organization) -> str:
    """How a booking begins; a student's, as the organization says."""
    if capacity != "student" or organization.students_may_book == "yes":
        return "scheduled"
    if organization.students_may_book == "request":
        return "pending"
    raise errors.StudentsMayNotBook
