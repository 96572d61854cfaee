"""Somebody who hears all that a service under test tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kombu import Queue

from chassis.connections import opened
from chassis.events import Contract
from chassis.testing.servers import amqp_url
from chassis.topology import events_exchange

ARGUMENTS = {"x-max-length": 1, "x-expires": 600_000}


@contextmanager
def listener(contract: Contract) -> Iterator[None]:
    """A queue for every event of the service; it keeps the last one.

    Without its subscribers, a service's `required` events wait in the outbox, and all later ones of their subjects.
    """
    queue = Queue(
        f"listener-{contract.service}",
        exchange=events_exchange(contract.service),
        routing_key="#",
        durable=True,
        queue_arguments=ARGUMENTS,
    )
    with opened(amqp_url()) as connection:
        bound = queue(connection.default_channel)
        bound.declare()
        yield
        bound.delete()
