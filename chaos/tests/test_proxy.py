from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from chaos.proxy import Proxies, Proxy, Weather
from chassis.testing import wait_until

LIMIT = 10.0


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self.received = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        try:
            with link:
                while data := link.recv(65_536):
                    self.received += data
                    link.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxies() as proxies:
        yield proxies.to("127.0.0.1", echo.port)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT) as link:
        yield link


def asked(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return received(client, len(words))


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += client.recv(size - len(data)) or pytest.fail("closed")
    return data


def is_silent(client: socket.socket) -> bool:
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(LIMIT)
    return False


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def test_everything_passes_in_fair_weather(client: socket.socket) -> None:
    words = bytes(range(256)) * 4000
    threading.Thread(target=client.sendall, args=(words,)).start()
    assert received(client, len(words)) == words


def test_a_cut_breaks_open_connections_and_lets_new_ones_in(
    proxy: Proxy, client: socket.socket
) -> None:
    asked(client, b"before")
    proxy.cut()
    assert is_closed(client)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT) as another:
        assert asked(another, b"after") == b"after"


def test_a_way_that_takes_no_connections_closes_new_ones(proxy: Proxy) -> None:
    with (
        proxy.having(Weather(takes_connections=False)),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT) as client,
    ):
        assert is_closed(client)


def test_what_was_held_back_arrives_when_the_line_is_whole_again(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    asked(client, b"before")
    with proxy.having(Weather(passes_to_server=False, passes_to_process=False)):
        client.sendall(b"held")
        assert is_silent(client)
        assert echo.received == b"before"
    assert received(client, 4) == b"held"


def test_answers_alone_can_be_held_back(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    asked(client, b"before")
    with proxy.having(Weather(passes_to_process=False)):
        client.sendall(b"published")
        wait_until(lambda: echo.received == b"beforepublished", LIMIT)
        assert is_silent(client)
    assert received(client, 9) == b"published"


def test_a_half_open_connection_does_not_show_that_the_server_is_gone(echo: Echo) -> None:
    with Proxies() as proxies:
        proxy = proxies.to("127.0.0.1", echo.port)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT) as client:
            asked(client, b"before")
            with proxy.having(Weather(passes_to_server=False, passes_to_process=False)):
                client.sendall(b"lost")
                assert is_silent(client)
                proxy.cut()
            assert is_closed(client)
    assert echo.received == b"before"


def test_a_delay_makes_each_way_longer(proxy: Proxy, client: socket.socket) -> None:
    with proxy.having(Weather(delay=0.15)):
        began = time.monotonic()
        assert asked(client, b"late") == b"late"
        assert time.monotonic() - began >= 0.3


def test_a_narrow_line_takes_its_time(proxy: Proxy, client: socket.socket) -> None:
    with proxy.having(Weather(rate=2000)):
        began = time.monotonic()
        assert asked(client, b"x" * 400) == b"x" * 400
        assert time.monotonic() - began >= 0.2


def test_a_process_hears_nothing_more_once_it_has_said_certain_words(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    with proxy.silent_after(b"booking.events") as spoken:
        assert asked(client, b"something else") == b"something else"
        assert not spoken.is_set()
        client.sendall(b"to booking.events")
        assert spoken.wait(LIMIT)
        wait_until(lambda: echo.received.endswith(b"to booking.events"), LIMIT)
        assert is_silent(client)
    assert received(client, 17) == b"to booking.events"


def test_a_server_that_is_away_looks_like_one_that_closes(proxy: Proxy, echo: Echo) -> None:
    with Proxies() as proxies:
        nowhere = socket.create_server(("127.0.0.1", 0))
        port = nowhere.getsockname()[1]
        nowhere.close()
        away = proxies.to("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", away.port), timeout=LIMIT) as client:
            assert is_closed(client)
