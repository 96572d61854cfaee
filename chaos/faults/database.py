"""PostgreSQL dies, stops, throws everybody out, waits for locks, and has no room left."""

from __future__ import annotations

import contextlib
import signal
import time

import psycopg2

from chaos.faults.kind import Fault, Kind, only
from chaos.system import DATABASE, ChaosSystem

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%_app'"
TABLES = (
    "identity/users",
    "identity/outbox",
    "assignment/assignments",
    "assignment/inbox",
    "booking/sessions",
    "booking/outbox",
    "booking/operations",
    "messaging/messages",
    "import/imports",
)
FILLER = "CREATE TEMPORARY TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)"


def kill(system: ChaosSystem, fault: Fault) -> None:
    """The postmaster dies; its children notice."""
    system.end_server(DATABASE, signal.SIGKILL)


def stop(system: ChaosSystem, fault: Fault) -> None:
    """Its immediate stop, and a start."""
    system.end_server(DATABASE, signal.SIGQUIT)


def terminate(system: ChaosSystem, fault: Fault) -> None:
    """Every service's every connection, by pg_terminate_backend."""
    system.sql("booking", TERMINATE)


def lock(system: ChaosSystem, fault: Fault) -> None:
    """A table that everybody needs is locked, as by a careless migration."""
    service, _, table = fault.target.partition("/")
    with system.connection(service) as connection, connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
        with contextlib.suppress(psycopg2.errors.LockNotAvailable):
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            time.sleep(fault.seconds)
            return
        connection.rollback()


def fill_disk(system: ChaosSystem, fault: Fault) -> None:
    """Not a byte is left for tables and write-ahead log; then there is room again."""
    if system.disk is None:
        return
    try:
        system.disk.fill()
        deadline = time.monotonic() + fault.seconds
        while time.monotonic() < deadline:
            # PostgreSQL still has room inside its files; once it panics it does not even answer.
            with contextlib.suppress(psycopg2.Error):
                system.sql("booking", FILLER)
            time.sleep(0.3)
    finally:
        system.disk.make_room()
    system.wait_for(DATABASE)


KINDS = (
    Kind("database-kill", "kill -9 of PostgreSQL", kill, hits=only(DATABASE), weight=3),
    Kind("database-stop", "PostgreSQL's immediate stop", stop, hits=only(DATABASE), weight=2),
    Kind(
        "database-terminate",
        "all of PostgreSQL's connections terminated",
        terminate,
        hits=only(DATABASE),
        weight=4,
    ),
    Kind(
        "database-lock",
        "a table locked",
        lock,
        TABLES,
        only(DATABASE),
        seconds=(2.0, 3.0),
        weight=3,
    ),
    Kind(
        "disk-full",
        "no room on the databases' disk",
        fill_disk,
        hits=only(DATABASE),
        available=lambda system: system.disk is not None,
        weight=2,
    ),
)
