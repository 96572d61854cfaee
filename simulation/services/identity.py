"""identity: people change, with a version each."""

from __future__ import annotations

import uuid
from itertools import count

from assignment_service.domain import Participant
from simulation.broker import Broker
from simulation.process import Process
from simulation.rpc import Request
from simulation.scheduler import Steps
from simulation.services.plumbing import Service
from simulation.store import Store


class Identity(Service):
    """The source of everybody's state."""

    name = "identity"

    def __init__(
        self, store: Store, broker: Broker, ids: count[int], people: list[uuid.UUID]
    ) -> None:
        super().__init__(store, broker, ids)
        self.people = {one: person(one, is_archived=False, version=1) for one in people}

    def update_user(self, process: Process, request: Request) -> Steps:
        """Archives or restores a person."""
        with self.store.begin() as transaction:
            if done := (yield from self.replay(transaction, request)):
                return done[0]
            yield from transaction.lock(("user", request.arguments))
            before = self.people[request.arguments]
            after = person(
                before.id, is_archived=not before.is_archived, version=before.version + 1
            )
            transaction.write(lambda: self.people.update({after.id: after}))
            self.publish(process, transaction, "user_updated", str(after.id), after)
            self.record(transaction, request, after.version)
            yield from transaction.commit(request.deadline)
        return after.version

    def get_user(self, _process: Process, request: Request) -> Steps:
        """A person's state as it is now."""
        yield "reads a person"
        return self.people[request.arguments]


def person(person_id: uuid.UUID, *, is_archived: bool, version: int) -> Participant:
    """Somebody who may stand on either side of a pair."""
    return Participant(
        person_id, is_instructor=True, is_student=True, is_archived=is_archived, version=version
    )
