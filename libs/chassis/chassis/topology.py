"""Exchanges and queues, declared from the services' contracts before any service starts.

Declaring is idempotent and needs no running service, so an event published before its subscriber's first start
waits for it. Names and arguments are public and pinned by a test: the broker refuses (406) a queue that is
declared again with other arguments.

    <source>.events          topic exchange, routing key = event name
    <service>.on_<source>_<event>   quorum queue of one subscription
    <service>.retry-in.<delay>   fanout exchange and quorum queue; after the delay a message goes on to ...
    <service>.retried        direct exchange, which knows the service's own queues by name and no others
    <service>.dead-letters   quorum queue of what was given up, for an operator
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amqp.exceptions import PreconditionFailed
from kombu import Exchange, Queue, binding

from chassis.addresses import nodes_of
from chassis.connections import Connection, opened
from chassis.events import Contract, Subscription

RPC_EXCHANGE = Exchange("nameko-rpc", type="topic", durable=True)
RETRY_DELAYS: dict[str, int] = {"1s": 1_000, "5s": 5_000, "30s": 30_000}

# What a message notes about itself when it was given up or put off: how often it was tried, where it belongs,
# why, and when.
ATTEMPTS_HEADER = "x-tandem-attempts"
FAILURES_HEADER = "x-tandem-failures"  # those attempts at which everything needed did answer
QUEUE_HEADER = "x-tandem-queue"
ERROR_HEADER = "x-tandem-error"
REASON_HEADER = "x-tandem-reason"
TIME_HEADER = "x-tandem-time"

# A message that kills its consumer again and again, before our own attempts count, ends in the dead letters too.
DELIVERY_LIMIT = 20

# RabbitMQ 4 drops a message that came back 20 times where nothing else is said, and an operator's every look at the
# dead letters is such a return. It has no word for "never" that RabbitMQ 3 understands, too.
LOOKS_LIMIT = 1_000_000_000


def events_exchange(source: str) -> Exchange:
    """Where `source` publishes its events."""
    return Exchange(f"{source}.events", type="topic", durable=True)


def dead_letter_exchange(service: str) -> Exchange:
    """Where a service's hopeless messages go."""
    return Exchange(f"{service}.dead-letters", type="fanout", durable=True)


def dead_letter_queue(service: str) -> Queue:
    """A service's hopeless messages, kept until an operator decides."""
    return Queue(
        f"{service}.dead-letters",
        dead_letter_exchange(service),
        durable=True,
        queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": LOOKS_LIMIT},
    )


def retry_exchange(service: str, delay: str) -> Exchange:
    """Where a message goes that is to come back after `delay`, its routing key naming its queue."""
    return Exchange(f"{service}.retry-in.{delay}", type="fanout", durable=True)


def retried_exchange(service: str) -> Exchange:
    """Where it comes back from. By the broker's default exchange it could get into any queue, another service's too."""
    return Exchange(f"{service}.retried", type="direct", durable=True)


def retry_queue(service: str, delay: str) -> Queue:
    """Holds messages for `delay`, then hands each back to the queue in its routing key."""
    return Queue(
        f"{service}.retry-in.{delay}",
        retry_exchange(service, delay),
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-message-ttl": RETRY_DELAYS[delay],
            "x-dead-letter-exchange": retried_exchange(service).name,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def event_queue(contract: Contract, subscription: Subscription) -> Queue:
    """The queue of one subscription, bound to its source's exchange, and to where its retried messages come from."""
    name = contract.queue_name(subscription)
    return Queue(
        name,
        bindings=[
            binding(events_exchange(subscription.source), subscription.name),
            binding(retried_exchange(contract.service), name),
        ],
        durable=True,
        queue_arguments=event_queue_arguments(contract.service),
    )


def event_queue_arguments(service: str) -> dict[str, Any]:
    """Why at-least-once: with the default strategy a dead-lettered message can vanish on the way."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": dead_letter_exchange(service).name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def rpc_queue(service: str, *, is_replicated: bool = False) -> Queue:
    """The RPC queue, as Nameko itself declares it, so that plain Nameko clients work too.

    In a cluster it is a quorum queue: a classic one is gone for as long as the node that it happens to live on.
    """
    arguments = {"x-queue-type": "quorum"} if is_replicated else None
    return Queue(
        f"rpc-{service}",
        RPC_EXCHANGE,
        routing_key=f"{service}.*",
        durable=True,
        queue_arguments=arguments,
    )


def entities(contract: Contract, *, is_cluster: bool = False) -> Iterator[Exchange | Queue]:
    """Everything a service needs on the bus, in the order of declaration."""
    yield RPC_EXCHANGE
    for source in contract.hears:
        yield events_exchange(source)
    if not (contract.publishes or contract.subscribes):
        return  # nobody calls it: it only calls and hears
    yield events_exchange(contract.service)
    yield rpc_queue(contract.service, is_replicated=is_cluster)
    yield dead_letter_queue(contract.service)
    if contract.subscribes:
        for delay in RETRY_DELAYS:
            yield retry_queue(contract.service, delay)
    for subscription in contract.subscribes:
        yield event_queue(contract, subscription)


def declare(contract: Contract, amqp_url: str) -> None:
    """Declares a service's part of the bus: a cluster's, if the address names several nodes. Idempotent."""
    is_cluster = len(nodes_of(amqp_url)) > 1
    with opened(amqp_url) as connection:
        for entity in entities(contract, is_cluster=is_cluster):
            try:
                declare_one(connection, entity)
            except PreconditionFailed:
                if not holds_only_requests(entity):
                    raise
                if is_cluster:
                    replace(connection, entity)
                # Else it is a cluster's after all, of which one node was named.


def replace(connection: Connection, queue: Queue) -> None:
    """Declares a queue again that was there before there was a cluster. Who waits for an answer asks again."""
    with connection.channel() as channel:
        channel.queue_delete(queue.name)
    declare_one(connection, queue)


def declare_one(connection: Connection, entity: Exchange | Queue) -> None:
    """On a channel of its own, which a refusal closes."""
    with connection.channel() as channel:
        entity(channel).declare()


def holds_only_requests(entity: Exchange | Queue) -> bool:
    """Whether nothing is lost with it that anybody promised to keep."""
    return isinstance(entity, Queue) and entity.exchange == RPC_EXCHANGE


def delete_queues(contract: Contract, amqp_url: str) -> None:
    """Deletes a service's queues with what is in them. For tests."""
    with opened(amqp_url) as connection, connection.channel() as channel:
        for entity in entities(contract):
            if isinstance(entity, Queue):
                entity(channel).delete()
