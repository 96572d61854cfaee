"""Who may do what. One gate per rule; every one raises Forbidden or lets through."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from booking_service.clients import Neighbours
from booking_service.domain import Action, Capacity, Session
from booking_service.errors import NotAllowed, PairNotAssigned, UnknownSession
from chassis.context import Actor
from chassis.errors import ServiceError


def is_admin(actor: Actor) -> bool:
    """Administrators and owners."""
    return actor.has_role("admin", "owner")


def require_admin(actor: Actor) -> None:
    """For what only administrators may do."""
    if not is_admin(actor):
        raise NotAllowed("Only administrators may do this.")


def booking_capacity(actor: Actor, instructor_id: uuid.UUID) -> Capacity:
    """In what capacity the actor books: administrators anybody, instructors themselves."""
    if is_admin(actor):
        return "admin"
    if not actor.has_role("instructor"):
        raise NotAllowed("Only administrators and instructors may book; students request.")
    if actor.user_id != instructor_id:
        raise NotAllowed("Instructors book their own sessions only.")
    return "instructor"


def require_requester(actor: Actor, student_id: uuid.UUID) -> None:
    """Students request sessions, each for themselves."""
    if not actor.has_role("student"):
        raise NotAllowed("Only students may request sessions.")
    if actor.user_id != student_id:
        raise NotAllowed("Students request their own sessions only.")


def require_visible(actor: Actor, session: Session | None) -> Session:
    """The session, if the actor may see it; otherwise it looks unknown."""
    if session is None or not (is_admin(actor) or session.involves(actor.user_id)):
        raise UnknownSession
    return session


def leading_capacity(actor: Actor, session: Session) -> Capacity:
    """For what administrators and the session's instructor may do."""
    if is_admin(actor):
        return "admin"
    if actor.has_role("instructor") and actor.user_id == session.instructor_id:
        return "instructor"
    raise NotAllowed("Only administrators and the session's instructor may do this.")


def acting_capacity(actor: Actor, session: Session, action: Action) -> Capacity:
    """Students may cancel; all else is for those who lead the session."""
    if action == "cancel" and not is_admin(actor) and actor.user_id == session.student_id:
        return "student"
    return leading_capacity(actor, session)


@dataclass(frozen=True, slots=True)
class PairDecision:
    """Whether the pair may have a session, found out before the transaction and applied within.

    A value rather than an exception, because a repeated operation answers its first result whatever holds now.
    """

    refusal: ServiceError | None = None

    def require(self) -> None:
        """Raises what speaks against it: PairNotAssigned, or Unavailable when nobody could say."""
        if self.refusal is not None:
            raise self.refusal


def decide_pair(
    capacity: Capacity, neighbours: Neighbours, instructor_id: uuid.UUID, student_id: uuid.UUID
) -> PairDecision:
    """Administrators may book any pair: their booking is what assigns it.

    For all others the assignment service decides, and where it can't, nobody may.
    """
    if capacity == "admin":
        return PairDecision()
    try:
        answer = neighbours.authorize(instructor_id, student_id)
    except ServiceError as error:
        return PairDecision(error)
    if answer.get("allowed") is True:
        return PairDecision()
    return PairDecision(PairNotAssigned(str(answer.get("reason", ""))))
