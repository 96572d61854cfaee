"""The ear on the real broker."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis import topology
from chassis.addresses import Host, ServerUrl
from chassis.confirmed import ConfirmedPublisher, Outgoing
from chassis.events import CONTENT_TYPE, Contract, Event
from chassis.testing import wait_until
from gateway.ear import TICK_SECONDS, Ear


class Note:
    """A listener that writes down what it is told."""

    hears: Mapping[str, Sequence[str]] = {"identity": ("user_updated",), "booking": ("x_happened",)}

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.heard = 0.0
        self.forgot = 0

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def heard_until(self, moment: float) -> None:
        self.heard = moment

    def forget_all(self) -> None:
        self.forgot += 1


@contextmanager
def listening(url: str, note: Note) -> Iterator[None]:
    """An ear that hears already."""
    ear = Ear(url, [note])
    ear.start()
    wait_until(lambda: note.heard, 5)
    yield
    ear.close()


@pytest.fixture(scope="module", autouse=True)
def prepared_bus() -> None:
    """The exchanges that are listened to are there, as the preparation makes them."""
    topology.declare(Contract("ear", hears=tuple(Note.hears)), os.environ["AMQP_URL"])


@pytest.fixture
def note() -> Iterator[Note]:
    note = Note()
    with listening(os.environ["AMQP_URL"], note):
        yield note


class Wire(socketserver.ThreadingTCPServer):
    """Between the ear and the broker, to be stopped and cut."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Ends)
        direct = ServerUrl.read(os.environ["AMQP_URL"])
        (broker,) = direct.hosts
        self.broker = (broker.name, broker.port or 5672)
        self.url = str(direct.with_hosts(Host("127.0.0.1", self.server_address[1])))
        self.flowing = threading.Event()
        self.flowing.set()
        self.sockets: list[socket.socket] = []

    def cut(self) -> None:
        while self.sockets:
            with contextlib.suppress(OSError):
                self.sockets.pop().shutdown(socket.SHUT_RDWR)


class Ends(socketserver.BaseRequestHandler):
    """One connection through the wire."""

    server: Wire

    def handle(self) -> None:
        with socket.create_connection(self.server.broker) as broker:
            self.server.sockets += [self.request, broker]
            back = threading.Thread(target=self.carry, args=(broker, self.request), daemon=True)
            back.start()
            self.carry(self.request, broker)
            back.join()

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(4096):
                self.server.flowing.wait()
                target.sendall(content)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.flowing.set()
        server.cut()
        server.shutdown()


def publish(source: str, name: str, **changed: Any) -> Event:
    event = Event(
        id=uuid.uuid4(),
        source=source,
        name=name,
        time=datetime.now(UTC),
        subject="x",
        organization_id=uuid.uuid4(),
        data={},
    )
    publisher = ConfirmedPublisher(os.environ["AMQP_URL"])
    body = changed.get("body", event.encode())
    exchange, key = f"{source}.events", changed.get("key", name)
    outgoing = Outgoing(exchange, key, body, str(event.id), CONTENT_TYPE, mandatory=False)
    publisher.publish_all([outgoing])
    publisher.close()
    return event


def test_it_tells_what_a_listener_wants_and_nothing_else(note: Note) -> None:
    publish("identity", "user_created")
    wanted = [publish("identity", "user_updated"), publish("booking", "x_happened")]
    wait_until(lambda: len(note.told) >= 2, 5)
    assert [event.id for event in note.told] == [event.id for event in wanted]


def test_it_says_how_far_it_has_heard_again_and_again(note: Note) -> None:
    began = time.monotonic()
    wait_until(lambda: note.heard > began, 5)
    assert note.heard <= time.monotonic()


def test_what_it_can_not_read_may_have_been_important(note: Note) -> None:
    before = note.forgot
    publish("identity", "user_updated", body="nonsense")
    wait_until(lambda: note.forgot > before, 5)
    publish("identity", "user_updated")
    wait_until(lambda: note.told, 5)


def test_over_a_connection_that_only_looks_alive_it_hears_no_further(wire: Wire) -> None:
    note = Note()
    with listening(wire.url, note):
        wire.flowing.clear()
        # What was on its way may still arrive.
        stopped_at = time.monotonic()
        publish("identity", "user_updated")
        wait_until(lambda: time.monotonic() > stopped_at + 3 * TICK_SECONDS, 5)
        assert note.heard <= stopped_at
        assert note.told == []
        wire.flowing.set()
        wait_until(lambda: note.heard > stopped_at + 3 * TICK_SECONDS, 5)
        assert len(note.told) == 1


def test_it_listens_again_after_its_connection_was_lost_and_says_that_it_missed_something(
    wire: Wire,
) -> None:
    note = Note()
    with listening(wire.url, note):
        before, lost_at = note.forgot, time.monotonic()
        wire.cut()
        wait_until(lambda: note.heard > lost_at, 10)
        # When it was lost, and when it listened again: what came between was told to nobody.
        assert note.forgot >= before + 2
        publish("identity", "user_updated")
        wait_until(lambda: note.told, 5)
