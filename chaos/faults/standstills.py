"""Long standstills: of a process, of the broker, of an event loop alone; shorter and longer than heartbeats last.

The broker gives up a connection after 20 to 30 s without heartbeats. Requests must go on coming meanwhile: what a
service finds lying before it when it goes on has once been its end.
"""

from __future__ import annotations

import time

from chaos.faults import broker, processes
from chaos.faults.kind import PROCESSES, Fault, Kind, only
from chaos.faults.processes import GATEWAY
from chaos.system import BROKER, ChaosSystem
from chaos.tracing import can_trace, main_thread_stopped

SECONDS = (5.0, 90.0)
# When the broker has given up a connection, and when its clients have.
BEYOND_ITS_PATIENCE = 32.0
BEYOND_OURS = 22.0
ARBITER_SECONDS = 2.0


def freeze_gateway(system: ChaosSystem, fault: Fault) -> None:
    """After more than 30 s gunicorn's arbiter replaces the worker that gave no sign of life.

    Until it has looked, and while another worker starts, callers wait in the kernel, and no deadline counts yet.
    """
    processes.freeze(system, fault)
    time.sleep(ARBITER_SECONDS)
    system.wait(system.is_up, "the gateway did not come back")


def stall(system: ChaosSystem, fault: Fault) -> None:
    """The thread of the event loop stands still, wherever it is; the process's other threads and the kernel go on."""
    with main_thread_stopped(system.pid(fault.target)):
        time.sleep(fault.seconds)


def may_trace(_system: ChaosSystem) -> bool:
    """Whether the kernel lets this account stop a thread of another process."""
    return can_trace()


KINDS = (
    Kind(
        "freeze-long",
        "SIGSTOP of a service, up to well beyond its heartbeats",
        processes.freeze,
        PROCESSES,
        needs=(BROKER, GATEWAY),
        weight=2,
        seconds=SECONDS,
        each_target=True,
        once_seconds=BEYOND_ITS_PATIENCE,
    ),
    Kind(
        "freeze-gateway",
        "SIGSTOP of the gateway, up to well beyond its heartbeats",
        freeze_gateway,
        (GATEWAY,),
        seconds=SECONDS,
        once_seconds=BEYOND_OURS,
    ),
    Kind(
        "broker-freeze-long",
        "SIGSTOP of RabbitMQ, up to well beyond everybody's heartbeats",
        broker.freeze,
        hits=only(BROKER),
        seconds=SECONDS,
        once_seconds=BEYOND_OURS,
    ),
    Kind(
        "stall",
        "the event loop of a service stands still, its other threads go on",
        stall,
        PROCESSES,
        needs=(GATEWAY,),
        weight=2,
        seconds=(1.0, 40.0),
        available=may_trace,
        once_seconds=6.0,
    ),
)
