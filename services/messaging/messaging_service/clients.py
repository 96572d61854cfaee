"""What messaging asks of other services."""

from __future__ import annotations

import uuid

from chassis.rpc.client import RpcClient
from messaging_service.domain import Pair

# A decision takes about a millisecond. Waiting longer than this, our own caller would give up before we could say why.
DECISION_SECONDS = 3.0


class Assignments:
    """The assignment service, which alone decides who may message whom."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    def authorized_by(self, pair: Pair) -> uuid.UUID | None:
        """The assignment that lets the pair message each other, None if there is none.

        Fails closed: Unavailable when the service does not answer in time.
        """
        decision = self._rpc.call(
            "assignment",
            "authorize",
            timeout=DECISION_SECONDS,
            instructor_id=str(pair.instructor_id),
            student_id=str(pair.student_id),
        )
        if decision["allowed"] is not True:
            return None
        return uuid.UUID(decision["assignment_id"])
