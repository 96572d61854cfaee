"""Who may do what in a conversation. Every access goes through one of these gates."""

from __future__ import annotations

import uuid

from chassis.context import Actor
from messaging_service import errors
from messaging_service.domain import Pair


def is_overseer(actor: Actor) -> bool:
    """Whether the actor may read every conversation of the organization."""
    return actor.has_role("admin", "owner")


def admit_reader(actor: Actor, pair: Pair | None) -> bool:
    """Lets the pair and overseers through; returns whether the reader is a mere overseer, to be recorded.

    For anyone else the conversation does not exist.
    """
    if pair is not None and pair.includes(actor.user_id):
        return False
    if pair is None or not is_overseer(actor):
        raise errors.unknown_conversation()
    return True


def admit_participant(actor: Actor, pair: Pair | None) -> Pair:
    """Lets only the pair's two people through. An overseer, who may know of it, is told why not."""
    if pair is None or admit_reader(actor, pair):
        raise errors.not_a_participant() if pair else errors.unknown_conversation()
    return pair


def pairs_to_open(actor: Actor, participant_id: uuid.UUID) -> list[Pair]:
    """The pairs that the actor may mean by the other's id, in the order to try."""
    if not actor.has_role("instructor", "student"):
        raise errors.not_a_participant()
    pairs = []
    if actor.has_role("instructor"):
        pairs.append(Pair(actor.user_id, participant_id))
    if actor.has_role("student"):
        pairs.append(Pair(participant_id, actor.user_id))
    return [pair for pair in pairs if actor.user_id != participant_id]
