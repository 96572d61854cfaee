"""RabbitMQ dies, restarts, hangs, closes connections, runs out of memory, and loses queues."""

from __future__ import annotations

import signal
import time

from chaos.faults.kind import Fault, Kind, only
from chaos.system import BROKER, DATABASE, ChaosSystem
from chassis.prepare import contract_of
from local_runner.places import SERVICES, package_of

QUEUES, RPC_QUEUES = "queues", "rpc queues"
USUAL_WATERMARK = "0.4"
NO_MEMORY = "0.00001"
HAS_SENT = "SELECT EXISTS (SELECT FROM outbox WHERE name = %s AND sent_at IS NOT NULL)"
REPLAYS_PER_SECOND = "1000"


def kill(system: ChaosSystem, fault: Fault) -> None:
    """It dies at once."""
    system.end_server(BROKER, signal.SIGKILL)


def restart(system: ChaosSystem, fault: Fault) -> None:
    """An orderly stop and a start."""
    system.end_server(BROKER, signal.SIGTERM)


def freeze(system: ChaosSystem, fault: Fault) -> None:
    """SIGSTOP: connections stay open and nobody answers."""
    with system.frozen(BROKER):
        time.sleep(fault.seconds)


def close_connections(system: ChaosSystem, fault: Fault) -> None:
    """As an operator's `rabbitmqctl close_all_connections`."""
    system.control("close_all_connections", "chaos")


def memory_alarm(system: ChaosSystem, fault: Fault) -> None:
    """The broker reads no more from connections that publish."""
    try:
        system.control("set_vm_memory_high_watermark", NO_MEMORY)
        time.sleep(fault.seconds)
    finally:
        system.control("set_vm_memory_high_watermark", USUAL_WATERMARK)


def delete_event_queue(system: ChaosSystem, fault: Fault) -> None:
    """Under its consumer, with all that waits in it; made again and refilled as docs/operations.md says.

    All that the queue was ever sent, as clocks may have been wrong: inboxes drop what they know.
    """
    delete_queue(system, fault)
    source, _, event = fault.target.partition(".on_")[2].partition("_")
    if system.sql(source, HAS_SENT, (event,))[0][0]:
        words = ("outbox", "replay", "--queue", fault.target, "--rate", REPLAYS_PER_SECOND)
        system.chassis(*words, DATABASE_URL=system.database_url(source))


def delete_queue(system: ChaosSystem, fault: Fault) -> None:
    """Under its consumer; the preparation makes it again."""
    subscriber = fault.target.removeprefix("rpc-").partition(".")[0]
    system.control("delete_queue", fault.target)
    time.sleep(fault.seconds)
    system.chassis("prepare-bus", package_of(subscriber))


def event_queues() -> tuple[str, ...]:
    """Every queue of a subscription."""
    contracts = [contract_of(package_of(service)) for service in SERVICES]
    return tuple(contract.queue_name(one) for contract in contracts for one in contract.subscribes)


KINDS = (
    Kind("broker-kill", "kill -9 of RabbitMQ", kill, hits=only(BROKER)),
    Kind("broker-restart", "an orderly stop and start of RabbitMQ", restart, hits=only(BROKER)),
    Kind("broker-freeze", "SIGSTOP of RabbitMQ", freeze, hits=only(BROKER), weight=2),
    Kind(
        "broker-connections",
        "RabbitMQ closes all connections",
        close_connections,
        hits=only(BROKER),
        weight=2,
    ),
    Kind(
        "broker-memory",
        "RabbitMQ's memory alarm",
        memory_alarm,
        hits=only(BROKER),
        seconds=(1.0, 3.0),
        weight=2,
    ),
    Kind(
        "queue-delete",
        "an event queue is deleted under its consumer",
        delete_event_queue,
        event_queues(),
        only(QUEUES),
        (BROKER, DATABASE),
        seconds=(0.5, 2.0),
        weight=2,
    ),
    Kind(
        "rpc-queue-delete",
        "an RPC queue is deleted under its consumer",
        delete_queue,
        tuple(f"rpc-{service}" for service in SERVICES),
        only(RPC_QUEUES),
        (BROKER,),
        seconds=(0.5, 2.0),
        weight=2,
    ),
)
