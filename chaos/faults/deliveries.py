"""Events that come again, late, and in another order than they were sent in."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp import Message

from chaos.faults.broker import QUEUES, event_queues
from chaos.faults.kind import BROKER, Fault, Kind, Notes, only
from chaos.system import ChaosSystem
from chassis.connections import opened
from chassis.topology import events_exchange
from local_runner.places import SERVICES

COPY_HEADER = "x-chaos-copy"


@contextmanager
def channel_to(system: ChaosSystem) -> Iterator[Any]:
    """A channel of the administrator's, in confirm mode."""
    with opened(system.backing.broker.url) as connection:
        channel = connection.channel()
        channel.confirm_select()
        yield channel


def deliver_twice(system: ChaosSystem, fault: Fault) -> Notes:
    """Every event of all services is published again, shuffled."""
    with channel_to(system) as channel:
        queue = channel.queue_declare(exclusive=True).queue
        for service in SERVICES:
            channel.queue_bind(queue, events_exchange(service).name, "#")
        time.sleep(fault.seconds)
        events = list(waiting_in(channel, queue))
        random.Random(fault.seed).shuffle(events)  # nosec B311 # chance, no secret
        for event in events:
            publish(channel, event, event.delivery_info["exchange"])
    return {"events": len(events)}


def reverse(system: ChaosSystem, fault: Fault) -> Notes:
    """The messages that wait for a consumer that stands still are put into the opposite order."""
    consumers = system.copies_of(fault.target.partition(".")[0])
    with system.frozen(*consumers), channel_to(system) as channel:
        time.sleep(fault.seconds)
        messages = list(waiting_in(channel, fault.target))
        for message in reversed(messages):
            publish(channel, message, "", fault.target)
            channel.basic_ack(message.delivery_info["delivery_tag"])
    return {"events": len(messages)}


def waiting_in(channel: Any, queue: str) -> Iterator[Any]:
    """Messages taken out and not yet acknowledged; no copies of ours."""
    while (message := channel.basic_get(queue)) is not None:
        if COPY_HEADER not in (message.headers or {}):
            yield message


def publish(channel: Any, message: Any, exchange: str, queue: str | None = None) -> None:
    """A copy, confirmed."""
    headers = {**(message.headers or {}), COPY_HEADER: "yes"}
    properties = {**message.properties, "application_headers": headers}
    copy = Message(message.body, **properties)
    key = queue if queue is not None else message.delivery_info["routing_key"]
    channel.basic_publish_confirm(copy, exchange, key)


def queue_and_its_consumers(target: str) -> frozenset[str]:
    """A service's every copy stands still meanwhile."""
    service = target.partition(".")[0]
    return frozenset({QUEUES, *(f"{service}.{number}" for number in (1, 2))})


KINDS = (
    Kind(
        "deliver-twice",
        "every event twice and out of order",
        deliver_twice,
        hits=only(),
        needs=(BROKER,),
        weight=3,
    ),
    Kind(
        "reverse",
        "messages that wait in the opposite order",
        reverse,
        event_queues(),
        queue_and_its_consumers,
        (BROKER,),
        weight=3,
    ),
)
