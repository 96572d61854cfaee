"""What booking asks its neighbours. Never inside a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from chassis.rpc.client import RpcClient

# Shorter than any caller's deadline, so that a neighbour's silence still becomes an answer of ours.
ANSWER_SECONDS = 2.0
MOST_AT_ONCE = 200


class Neighbours:
    """The assignment and identity services."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    def authorize(self, instructor_id: uuid.UUID, student_id: uuid.UUID) -> dict[str, Any]:
        """Assignment's decision on the pair: `{allowed, reason, assignment_id}`."""
        return self._ask(
            "assignment",
            "authorize",
            instructor_id=str(instructor_id),
            student_id=str(student_id),
        )

    def people(self, user_ids: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
        """Identity's users of these ids; those it doesn't know are left out."""
        plain = [str(user_id) for user_id in user_ids]
        found: list[dict[str, Any]] = []
        for start in range(0, len(plain), MOST_AT_ONCE):
            chunk = plain[start : start + MOST_AT_ONCE]
            found += self._ask("identity", "get_users", user_ids=chunk)["items"]
        return found

    def organization(self) -> dict[str, Any]:
        """Identity's view of the actor's organization."""
        return self._ask("identity", "get_organization")

    def _ask(self, service: str, method: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._rpc.call(
            service, method, timeout=ANSWER_SECONDS, **arguments
        )
        return answer
