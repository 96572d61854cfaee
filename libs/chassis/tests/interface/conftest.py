import socket
import threading
import uuid
from collections.abc import Iterator

import pytest

from chassis.config import sqlalchemy_url
from chassis.confirmed import ConfirmedPublisher
from chassis.database import Database
from chassis.testing import ServiceProcess
from chassis.testing.servers import amqp_url


@pytest.fixture(scope="session")
def toy(still: ServiceProcess) -> Iterator[ServiceProcess]:
    """The toy service, running. Starts after `still`, whose preparation empties the queues."""
    with ServiceProcess("toy_service") as process:
        yield process


@pytest.fixture(scope="session")
def still() -> Iterator[ServiceProcess]:
    """The toy service's database and queues with nothing running, for tests that do its work themselves.

    Shares the queues with `toy`: only what its own database holds is its own.
    """
    with ServiceProcess("toy_service", started=False) as process:
        yield process


@pytest.fixture
def database(still: ServiceProcess) -> Iterator[Database]:
    found = Database(sqlalchemy_url(still.database.application), service="toy")
    yield found
    found.close()


@pytest.fixture
def organization_id() -> uuid.UUID:
    return uuid.uuid4()


@pytest.fixture
def publisher() -> Iterator[ConfirmedPublisher]:
    found = ConfirmedPublisher(amqp_url())
    yield found
    found.close()


class Gate:
    """A TCP proxy in front of the broker that can be shut, cutting every connection."""

    def __init__(self) -> None:
        host, _, port = amqp_url().rpartition("@")[2].partition("/")[0].partition(":")
        self._target = (host, int(port or 5672))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[socket.socket] = []
        self.accepted = 0
        self.delivered = bytearray()  # what the broker sent, over all connections
        self.is_open = True
        self._flow = threading.Event()
        self._flow.set()
        self.url = amqp_url().replace(
            f"{host}:{port}", f"127.0.0.1:{self._listener.getsockname()[1]}"
        )
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self.is_open:
                client.close()
                continue
            self.accepted += 1
            server = socket.create_connection(self._target)
            self._pairs += [client, server]
            for source, sink, note in (
                (client, server, bytearray()),
                (server, client, self.delivered),
            ):
                threading.Thread(target=self._pump, args=(source, sink, note), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, note: bytearray) -> None:
        try:
            while data := source.recv(65536):
                self._flow.wait()
                sink.sendall(data)
                note += data
        except OSError:
            pass
        finally:
            for one in (source, sink):
                one.close()

    def shut(self) -> None:
        self.is_open = False
        for one in self._pairs:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._pairs.clear()

    def hang(self) -> None:
        """Passes nothing on, and closes nothing."""
        self._flow.clear()

    def reopen(self) -> None:
        self.is_open = True
        self._flow.set()

    def close(self) -> None:
        self._listener.close()
        self.shut()
        self._flow.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    found = Gate()
    yield found
    found.close()


@pytest.fixture(scope="module")
def gate_of_toy() -> Iterator[Gate]:
    """For a service that runs through it for a whole module."""
    found = Gate()
    yield found
    found.close()
