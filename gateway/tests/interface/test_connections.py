"""Connections when the answer comes before the request's body was read: on real sockets, byte by byte."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest

from gateway.testing import System, is_problem, timed

LARGE = b"x" * 2_000_000
SMALL = b"x" * 1000
LOGIN = "/api/v1/auth/login"
JSON = "application/json"


@contextmanager
def connected(system: System) -> Iterator[HTTPConnection]:
    """One connection to the gateway; unlike a pool it never opens another in secret."""
    connection = HTTPConnection("127.0.0.1", system.gateway.port, timeout=10)
    connection.connect()
    connection.auto_open = 0
    yield connection
    connection.close()


def post(
    connection: HTTPConnection, path: str, body: bytes, content_type: str = JSON, **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection.request("POST", path, body, {"Content-Type": content_type, **headers})
    answer = connection.getresponse()
    return answer, answer.read()


def pieces(body: bytes) -> Iterator[bytes]:
    """The body without a length of its own: it travels chunked."""
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "content_type", "status"),
    [
        ("/api/v1/users", JSON, 401),
        ("/api/v1/imports", "multipart/form-data; boundary=x", 401),
        ("/api/v1/nothing", JSON, 404),
        ("/api/v1/me/nothing", "text/plain", 404),
        ("/api/v1/me", JSON, 405),
        (LOGIN, JSON, 413),
    ],
)
def test_an_answer_before_a_large_body_was_read_is_whole_and_ends_the_connection(
    system: System, path: str, content_type: str, status: int, is_chunked: bool
) -> None:
    for _ in range(5):
        with connected(system) as connection:
            body = pieces(LARGE) if is_chunked else LARGE
            headers = {"Content-Type": content_type}
            if is_chunked:
                headers["Transfer-Encoding"] = "chunked"
            connection.request("POST", path, body, headers, encode_chunked=is_chunked)
            answer = connection.getresponse()
            assert json.loads(answer.read())["status"] == answer.status == status
            assert answer.headers["Connection"] == "close"


def test_the_request_after_one_that_was_too_large_is_answered(system: System) -> None:
    for _ in range(20):
        headers = {"Content-Type": JSON}
        answer = system.request("POST", LOGIN, data=pieces(LARGE), headers=headers)
        is_problem(answer, 413)
        is_problem(system.request("POST", LOGIN, json={}), 422)


@pytest.mark.parametrize("body", [b"", SMALL])
def test_a_connection_is_kept_when_little_was_left_unread(system: System, body: bytes) -> None:
    with connected(system) as connection:
        for _ in range(3):
            answer, content = post(connection, "/api/v1/users", body)
            assert (answer.status, json.loads(content)["status"]) == (401, 401)
            assert answer.headers["Connection"] == "keep-alive"


def test_a_connection_is_kept_after_a_body_that_was_read_whole(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "create_user", {"user": {"version": 1}, "assignments": []})
    body = json.dumps({"roles": [], "first_name": "x" * 900_000, "last_name": "y"}).encode()
    with connected(system) as connection:
        for _ in range(3):
            answer, _ = post(connection, "/api/v1/users", body, Authorization=f"Bearer {token}")
            assert (answer.status, answer.headers["Connection"]) == (201, "keep-alive")


def test_a_body_that_is_no_http_ends_the_connection_and_says_so(system: System) -> None:
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
    with socket.create_connection(("127.0.0.1", system.gateway.port), timeout=10) as client:
        client.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"\r\nConnection: close\r\n" in answer


def test_clients_that_never_hang_up_hold_nobody_up(system: System) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    stubborn = [socket.create_connection(("127.0.0.1", system.gateway.port)) for _ in range(4)]
    for client in stubborn:
        client.sendall(request)
    for client in stubborn:
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
    seconds, answer = timed(lambda: system.request("GET", "/healthz"))
    assert answer.ok
    assert seconds < 3  # a client is lingered for up to 5 s
    for client in stubborn:
        client.close()
