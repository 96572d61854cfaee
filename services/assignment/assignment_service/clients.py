"""What this service asks of others: identity, about people. Identity calls nobody, so the call graph ends there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

from assignment_service.domain import Participant, in_chunks
from assignment_service.events import ParticipantData, participants
from chassis.rpc.client import RpcClient

MOST_AT_ONCE: Final = 200
# Shorter than our callers wait for us, so that identity's silence still becomes an answer of ours.
ANSWER_SECONDS: Final = 1.5
ANSWER = ParticipantData(many=True)


class Identity:
    """The identity service, on behalf of the bound actor."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    def people(self, user_ids: Iterable[uuid.UUID]) -> list[Participant]:
        """Those of `user_ids` whom the actor's organization knows. Unavailable if identity does not answer."""
        wanted = sorted({str(user_id) for user_id in user_ids})
        found: list[Any] = []
        for chunk in in_chunks(wanted, MOST_AT_ONCE):
            answer = self._rpc.call("identity", "get_users", timeout=ANSWER_SECONDS, user_ids=chunk)
            found.extend(answer["items"])
        return participants(ANSWER.load(found))
