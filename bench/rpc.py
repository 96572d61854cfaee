"""An RPC client for one thread with nothing to slow it down: one connection, which also reads the replies."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

from amqp import Message

from chassis.connections import opened
from chassis.context import Actor
from chassis.signing import ActorSigner, read_signing_key

SECONDS = 10.0


class Caller:
    """Calls services as one actor, for whom it vouches with the gateway's key: `ACTOR_SIGNING_KEY`."""

    def __init__(self, amqp_url: str, actor: Actor) -> None:
        self._connection = opened(amqp_url).connection
        self._channel = self._connection.channel()
        self._actor = actor
        self._signer = ActorSigner(read_signing_key(os.environ["ACTOR_SIGNING_KEY"]))
        self._reply_to = uuid.uuid4().hex
        queue = self._channel.queue_declare("", exclusive=True).queue
        self._channel.queue_bind(queue, "nameko-rpc", self._reply_to)
        self._channel.basic_consume(queue, no_ack=True, callback=self._note)
        self._answers: dict[str, str] = {}

    def _note(self, message: Any) -> None:
        self._answers[message.properties["correlation_id"]] = message.body

    def call(self, service: str, method: str, **arguments: Any) -> Any:
        """The result; raises with the error that the service gave."""
        correlation_id = uuid.uuid4().hex
        headers = {
            "nameko.actor": self._signer.sign(self._actor),
            "nameko.deadline": int((time.time() + SECONDS) * 1000),
            "nameko.operation_id": str(uuid.uuid4()),
        }
        message = Message(
            json.dumps({"args": [], "kwargs": arguments}),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=1,
            reply_to=self._reply_to,
            correlation_id=correlation_id,
            application_headers=headers,
        )
        self._channel.basic_publish(message, "nameko-rpc", f"{service}.{method}")
        while correlation_id not in self._answers:
            self._connection.drain_events(timeout=SECONDS)
        answer = json.loads(self._answers.pop(correlation_id))
        if answer["error"] is not None:
            raise RuntimeError(f"{service}.{method}: {answer['error']}")
        return answer["result"]


def actor_of(user_id: str, organization_id: str, *roles: str) -> Actor:
    """A person as the bus knows them."""
    return Actor(uuid.UUID(user_id), uuid.UUID(organization_id), frozenset(roles))
