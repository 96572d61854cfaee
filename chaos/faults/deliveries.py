"""Events that come again, late, and in another order than they were sent in."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp import Message

from chaos.faults.broker import QUEUES, event_queues
from chaos.faults.kind import Fault, Kind, Notes, only
from chaos.proxy import Weather
from chaos.system import BROKER, COPIES, ChaosSystem
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
        waiting = waiting_in(channel, queue)
        events = [event for event in waiting if COPY_HEADER not in (event.headers or {})]
        random.Random(fault.seed).shuffle(events)  # nosec B311 # chance, no secret
        for event in events:
            publish(channel, event, event.delivery_info["exchange"])
    return {"events": len(events)}


def reverse(system: ChaosSystem, fault: Fault) -> Notes:
    """A service is cut off from the broker, and what has come for it meanwhile is put into the opposite order."""
    count = 0
    with contextlib.ExitStack() as whole_again, channel_to(system) as channel:
        for process in system.copies_of(fault.target):
            proxy = system.proxies[process, BROKER]
            whole_again.enter_context(proxy.having(Weather(takes_connections=False)))
            proxy.cut()
        time.sleep(fault.seconds)
        for queue in (name for name in event_queues() if name.startswith(f"{fault.target}.")):
            messages = list(waiting_in(channel, queue))
            for message in reversed(messages):
                publish(channel, message, "", queue)
                channel.basic_ack(message.delivery_info["delivery_tag"])
            count += len(messages)
    return {"events": count}


def waiting_in(channel: Any, queue: str) -> Iterator[Any]:
    """Messages taken out and not yet acknowledged."""
    while (message := channel.basic_get(queue)) is not None:
        yield message


def publish(channel: Any, message: Any, exchange: str, queue: str | None = None) -> None:
    """A copy, confirmed."""
    headers = {**(message.headers or {}), COPY_HEADER: "yes"}
    properties = {**message.properties, "application_headers": headers}
    copy = Message(message.body, **properties)
    key = queue if queue is not None else message.delivery_info["routing_key"]
    channel.basic_publish_confirm(copy, exchange, key)


def queues_and_their_consumers(service: str) -> frozenset[str]:
    """Nothing else may hit the service's copies meanwhile."""
    return frozenset({QUEUES, *(f"{service}.{number + 1}" for number in range(COPIES[service]))})


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
        "what waits for a service in the opposite order",
        reverse,
        ("assignment", "booking", "messaging", "identity"),
        queues_and_their_consumers,
        (BROKER,),
        seconds=(3.0, 5.0),
        weight=3,
    ),
)
