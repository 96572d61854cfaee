"""The assignment service's stable errors."""

from __future__ import annotations

from chassis.errors import Conflict, Forbidden, Invalid, NotFound


def unknown_instructor() -> NotFound:
    """Nobody of this organization who is an instructor has that id."""
    return NotFound("assignment.unknown_instructor", "There is no such instructor.")


def unknown_student() -> NotFound:
    """Nobody of this organization who is a student has that id."""
    return NotFound("assignment.unknown_student", "There is no such student.")


def archived_person() -> Conflict:
    """One of the two is archived; restore them first."""
    return Conflict("assignment.archived_person", "An archived person can't be assigned.")


def same_person() -> Invalid:
    """Somebody who is both instructor and student can't be their own student."""
    return Invalid.field(
        "/student_id", "Must be another person than the instructor.", "assignment.same_person"
    )


def not_assigned() -> NotFound:
    """The pair has no active assignment to end."""
    return NotFound("assignment.not_assigned", "This instructor and student are not assigned.")


def admins_only() -> Forbidden:
    """Only an owner or admin may change who is assigned to whom, or see it of many people."""
    return Forbidden("assignment.admins_only", "Only an administrator may do this.")


def not_your_pair() -> Forbidden:
    """An instructor or student may look only at pairs they belong to."""
    return Forbidden("assignment.not_your_pair", "You are not one of these two people.")
