"""Events as CloudEvents 1.0 in structured JSON, and the contract a service declares about them.

The envelope follows the CloudEvents 1.0.2 JSON format; `organizationid`, `traceparent`, `actorid` and
`actoraddress` are extensions: whose deed began what led to the event, and from which address it came.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from marshmallow import Schema

CONTENT_TYPE = "application/cloudevents+json"


class UnreadableEvent(ValueError):
    """The message is no event of ours; trying again can't help."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `subject` names the aggregate, within which order is kept."""

    id: uuid.UUID
    source: str
    name: str
    time: datetime
    subject: str
    organization_id: uuid.UUID
    data: dict[str, Any]
    traceparent: str = ""
    actor_id: uuid.UUID | None = None
    address: str = ""

    def encode(self) -> str:
        """The structured JSON form."""
        envelope = {
            "specversion": "1.0",
            "id": str(self.id),
            "source": f"tandem/{self.source}",
            "type": f"tandem.{self.source}.{self.name}.v1",
            "time": self.time.astimezone(UTC).isoformat(),
            "subject": self.subject,
            "datacontenttype": "application/json",
            "organizationid": str(self.organization_id),
            "data": self.data,
        }
        if self.traceparent:
            envelope["traceparent"] = self.traceparent
        if self.actor_id is not None:
            envelope["actorid"] = str(self.actor_id)
        if self.address:
            envelope["actoraddress"] = self.address
        return orjson.dumps(envelope).decode()


def decode(body: bytes | str) -> Event:
    """Reads an envelope; fields it does not know are ignored. UnreadableEvent if it is none."""
    try:
        envelope = orjson.loads(body)
        prefix, source, name, version = envelope["type"].split(".")
        if (prefix, version, envelope["specversion"]) != ("tandem", "v1", "1.0"):
            raise UnreadableEvent("unknown type or version")
        if not (isinstance(envelope["subject"], str) and isinstance(envelope["data"], dict)):
            raise UnreadableEvent("subject is no text or data no object")
        actor_id = envelope.get("actorid")
        return Event(
            id=uuid.UUID(envelope["id"]),
            source=source,
            name=name,
            time=datetime.fromisoformat(envelope["time"]),
            subject=envelope["subject"],
            organization_id=uuid.UUID(envelope["organizationid"]),
            data=envelope["data"],
            traceparent=envelope.get("traceparent", ""),
            actor_id=None if actor_id is None else uuid.UUID(actor_id),
            address=str(envelope.get("actoraddress", "")),
        )
    except UnreadableEvent:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableEvent("not a CloudEvent of ours") from error


@dataclass(frozen=True, slots=True)
class Published:
    """An event that a service publishes.

    `required` says that the system is wrong when nobody is subscribed: such an event that the broker could not
    route stays in the outbox. The others may find no queue.
    """

    name: str
    schema: type[Schema]
    summary: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """An event of `source` that a service handles, in a queue of its own."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class Contract:
    """What a service publishes and what it subscribes to; the bus topology is declared from it.

    `calls` names the services that it calls, `hears` those whose events its processes hear in short-lived queues of
    their own. The broker allows what is said here and refuses the rest.
    """

    service: str
    publishes: tuple[Published, ...] = ()
    subscribes: tuple[Subscription, ...] = ()
    calls: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    required: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        names = frozenset(event.name for event in self.publishes if event.required)
        object.__setattr__(self, "required", names)

    def queue_name(self, subscription: Subscription) -> str:
        """The public name of a subscription's queue: `<service>.on_<source>_<event>`."""
        return f"{self.service}.on_{subscription.source}_{subscription.name}"
