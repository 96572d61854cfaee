"""What the parts cost bare: the references that the system's figures are divided by."""

from __future__ import annotations

import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import amqp
import psycopg2
from amqp import Message

from bench.crowd import Step
from bench.figures import Figure, figure
from bench.http import Connection
from chassis import connections
from local_runner.ports import free_port

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE pair (organization_id uuid, instructor_id uuid, student_id uuid,
    PRIMARY KEY (organization_id, instructor_id, student_id));
CREATE TABLE session (id uuid PRIMARY KEY, organization_id uuid, instructor_id uuid, student_id uuid, during tstzrange,
    EXCLUDE USING gist (organization_id WITH =, instructor_id WITH =, during WITH &&),
    EXCLUDE USING gist (organization_id WITH =, student_id WITH =, during WITH &&));
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);
INSERT INTO pair SELECT o, gen_random_uuid(), gen_random_uuid()
    FROM (SELECT gen_random_uuid() AS o) AS x, generate_series(1, 10000);
"""
AMQP = "raw AMQP round trip"
POSTGRES = "raw PostgreSQL booking"
FLASK = "raw Flask constant, 8 clients"
EVENT_BODY = "x" * 600  # about what a session_booked event takes


def amqp_round_trip(amqp_url: str, *, seconds: float) -> Figure:
    """One transient message through the broker and back into this process: one connection sends, the other receives.

    An RPC can't take less than two of these: the question's way and the answer's.
    """
    with opened(amqp_url) as sending, opened(amqp_url) as receiving:
        out, inward = sending.channel(), receiving.channel()
        queue: str = inward.queue_declare("", exclusive=True).queue
        inward.basic_consume(queue, no_ack=True, callback=lambda message: None)
        latencies, began = [], time.perf_counter()
        while (started := time.perf_counter()) < began + seconds:
            out.basic_publish(Message(b"ping", delivery_mode=1), "", queue)
            receiving.drain_events(timeout=5)
            latencies.append(time.perf_counter() - started)
        return figure(AMQP, latencies, time.perf_counter() - began)


@contextmanager
def opened(amqp_url: str) -> Iterator[amqp.Connection]:
    """py-amqp's own connection, without kombu's part."""
    with connections.opened(amqp_url) as connection:
        yield connection.connection


@contextmanager
def scratch_database(admin_url: str) -> Iterator[str]:
    """The address of a database that is dropped afterwards."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    administer(admin_url, f"CREATE DATABASE {name} TEMPLATE template0")
    url = f"{admin_url.rpartition('/')[0]}/{name}"
    try:
        administer(url, SCHEMA)
        yield url
    finally:
        administer(admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def administer(url: str, statement: str) -> None:
    """Runs a statement outside of a transaction."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@dataclass(frozen=True)
class BareBooking:
    """The least that a correct booking can be: pair lookup, insert under both exclusion constraints, outbox row."""

    url: str

    def client(self, number: int) -> Step:
        """Each client books its own pair, one hour after the other."""
        connection = psycopg2.connect(self.url)
        cursor = connection.cursor()
        cursor.execute("SELECT * FROM pair ORDER BY random() LIMIT 1")
        pair = cursor.fetchone() or ()
        connection.commit()
        hours = iter(range(10_000_000))

        def book() -> bool:
            hour = next(hours)
            cursor.execute(
                "SELECT 1 FROM pair WHERE organization_id = %s AND instructor_id = %s AND student_id = %s",
                pair,
            )
            cursor.execute(
                "INSERT INTO session VALUES (gen_random_uuid(), %s, %s, %s, tstzrange("
                "timestamptz '2030-01-01 00:00+00' + %s * interval '1 hour', "
                "timestamptz '2030-01-01 00:00+00' + %s * interval '1 hour'))",
                (*pair, hour, hour + 1),
            )
            cursor.execute("INSERT INTO outbox (body) VALUES (%s)", (EVENT_BODY,))
            connection.commit()
            return True

        return book


@dataclass(frozen=True)
class Constant:
    """GET / of the constant application."""

    url: str

    def client(self, number: int) -> Step:
        """One keep-alive connection."""
        connection = Connection(self.url)
        return lambda: connection.request("GET", "/")[0] == 200


@contextmanager
def constant_flask() -> Iterator[str]:
    """Flask answering a constant, on gunicorn's threads like the gateway."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "gthread"]
    command += ["--threads", "8", "--log-level", "error", "bench.constant:application"]
    with subprocess.Popen(command) as server:  # nosec B603 # our own words, without a shell
        try:
            yield answering(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()


def answering(url: str, seconds: float = 15.0) -> str:
    """The address, once somebody listens there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            Connection(url).request("GET", "/")
            return url
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
