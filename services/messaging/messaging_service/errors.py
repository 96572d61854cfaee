"""The errors of messaging. Their codes are public; the README says when each happens."""

from __future__ import annotations

from chassis.errors import Forbidden, NotFound


def unknown_conversation() -> NotFound:
    """No such conversation, or none that the actor has a part in: the two look the same."""
    return NotFound("messaging.unknown_conversation", "There is no such conversation.")


def unknown_message() -> NotFound:
    """No such message in this conversation."""
    return NotFound("messaging.unknown_message", "There is no such message in this conversation.")


def pair_not_assigned() -> Forbidden:
    """The two are not assigned to each other; the same for people who do not exist here."""
    return Forbidden(
        "assignment.pair_not_assigned",
        "This instructor and student are not assigned to each other.",
    )


def not_a_participant() -> Forbidden:
    """An administrator may read this conversation, but it is not theirs to take part in."""
    return Forbidden(
        "messaging.not_a_participant",
        "Only the instructor and the student of a conversation may take part in it.",
    )
