"""Processes that die, or stand still, at any moment and at the worst ones."""

from __future__ import annotations

import time
from threading import Event

from chaos.faults.kind import PROCESSES, Fault, Kind, Notes
from chaos.system import BROKER, DATABASE, ChaosSystem

GATEWAY = "gateway"
EVERY_PROCESS = (*PROCESSES, GATEWAY)
WAITING_SECONDS = 8.0
UNSENT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
BEING_APPLIED = "SELECT count(*) FROM imports WHERE status = 'applying' AND step IS NOT NULL"


def kill(system: ChaosSystem, fault: Fault) -> None:
    """It dies at once. While a gateway is starting, callers wait for it in the kernel, and no deadline counts yet."""
    system.kill(fault.target)
    if fault.target == GATEWAY:
        system.wait(system.is_up, "the gateway did not come back")


def freeze(system: ChaosSystem, fault: Fault) -> None:
    """SIGSTOP; connections stay open."""
    with system.frozen(fault.target):
        time.sleep(fault.seconds)


def kill_between_publishing_and_confirm(system: ChaosSystem, fault: Fault) -> Notes:
    """The broker has the events and its confirms are held back; the relay dies before it could mark them sent."""
    service = fault.target.partition(".")[0]
    proxy = system.proxies[fault.target, BROKER]
    with proxy.silent_after(f"{service}.events".encode()) as published:
        in_the_middle = published.wait(WAITING_SECONDS)
        unsent = system.sql(service, UNSENT)[0][0]
        system.kill(fault.target)
        proxy.cut()
    return {"in_the_middle": in_the_middle, "unsent": unsent}


def kill_while_applying(system: ChaosSystem, fault: Fault) -> Notes:
    """An import worker dies in the middle of a chunk."""
    deadline = time.monotonic() + WAITING_SECONDS
    applying = 0
    with system.connection("import") as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while not applying and time.monotonic() < deadline:
            cursor.execute(BEING_APPLIED)
            applying = cursor.fetchone()[0]
            Event().wait(0.02)
    system.kill(fault.target)
    return {"in_the_middle": bool(applying)}


KINDS = (
    Kind("kill", "kill -9", kill, EVERY_PROCESS, weight=6, each_target=True),
    Kind("freeze", "SIGSTOP, later SIGCONT", freeze, EVERY_PROCESS, weight=4, each_target=True),
    Kind(
        "kill-relay",
        "kill -9 between publishing and the broker's confirm",
        kill_between_publishing_and_confirm,
        ("booking.1", "assignment.1", "identity.1", "messaging.1"),
        needs=(BROKER, DATABASE),
        weight=2,
    ),
    Kind(
        "kill-import",
        "kill -9 in the middle of a chunk",
        kill_while_applying,
        ("import.1",),
        needs=(BROKER, DATABASE),
        weight=2,
    ),
)
