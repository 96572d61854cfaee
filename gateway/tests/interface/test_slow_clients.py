"""Clients that dribble, stall and crowd keep nobody else waiting."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from chassis.testing import wait_until
from gateway.testing import GatewayProcess, running

THREADS = 4
LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    """One with few threads; it needs no broker for what is asked here."""
    settings = {"GATEWAY_THREADS": str(THREADS), "CONNECTIONS_PER_ADDRESS": "30"}
    with running(os.environ["AMQP_URL"], **settings) as process:
        yield process


@contextlib.contextmanager
def saying(gateway: GatewayProcess, times: int, first: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have said this much."""
    with ExitStack() as stack:
        clients = []
        for _ in range(times):
            client = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
            clients.append(stack.enter_context(client))
            client.sendall(first)
        yield clients


def seconds_of_an_answer(gateway: GatewayProcess) -> float:
    """How long somebody else waits."""
    started = time.monotonic()
    assert requests.get(f"{gateway.url}/healthz", timeout=30).ok
    return time.monotonic() - started


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"G",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        LOGIN + b"Content-Length: 30000\r\n\r\n{",
    ],
)
def test_who_has_not_said_all_holds_no_thread(gateway: GatewayProcess, first: bytes) -> None:
    with saying(gateway, THREADS * 3, first) as clients:
        for _ in range(3):
            assert seconds_of_an_answer(gateway) < 3
            for client in clients:
                client.sendall(b"x" if first else b"")


def test_a_request_that_comes_in_pieces_is_answered(gateway: GatewayProcess) -> None:
    body = b'{"login": "ada", "nonsense": 1}'
    request = LOGIN + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with saying(gateway, 1, b"") as (client,):
        for start in range(0, len(request), 7):
            client.sendall(request[start : start + 7])
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 422")


def test_requests_sent_together_are_answered_one_after_another(gateway: GatewayProcess) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with saying(gateway, 1, one * 3 + last) as (client,):
        assert client.makefile("rb").read().count(b"HTTP/1.1 200") == 4


def test_who_ends_in_the_middle_is_let_go(gateway: GatewayProcess) -> None:
    with saying(gateway, 1, b"GET / HTTP/1.1\r\nHo") as (client,):
        client.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 200" not in client.makefile("rb").read()


def test_a_request_that_does_not_arrive_in_time_is_told_so(gateway: GatewayProcess) -> None:
    with saying(gateway, 1, b"GET / HTTP/1.1\r\nX: ") as (client,):
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer
    assert b"X-Content-Type-Options: nosniff" in answer


def test_slow_senders_of_large_bodies_leave_threads_to_others(gateway: GatewayProcess) -> None:
    with saying(gateway, THREADS * 2, LOGIN + b"Content-Length: 900000\r\n\r\n{") as clients:
        assert seconds_of_an_answer(gateway) < 3
        refused = [client for client in clients if was_refused(client)]
        assert len(refused) >= THREADS
        assert seconds_of_an_answer(gateway) < 3


def was_refused(client: socket.socket) -> bool:
    """Whether there is an answer already: that there is no place."""
    client.settimeout(1)
    with contextlib.suppress(TimeoutError):
        answer = client.recv(65536)
        return answer.startswith(b"HTTP/1.1 503") and b"Retry-After" in answer
    return False


def test_one_client_has_so_many_connections_and_no_more(gateway: GatewayProcess) -> None:
    with saying(gateway, 30, b""), saying(gateway, 1, b"") as (one_more,):
        assert one_more.makefile("rb").read().startswith(b"HTTP/1.1 429")
    wait_until(lambda: is_let_in(gateway), 10, every=0.1)


def is_let_in(gateway: GatewayProcess) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{gateway.url}/healthz", timeout=5).ok
    return False
