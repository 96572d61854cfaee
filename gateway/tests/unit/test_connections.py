"""When a request has arrived far enough for a thread, and how many connections a client may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.connections import AWAITED_BODY, LOOK, Crowd, extra_seconds_for, needed_for

GET = b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"


def post(body: bytes, name: bytes = b"Content-Length", more: bytes = b"") -> bytes:
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n%s: %d\r\n%s\r\n"
    return head % (name, len(body), more) + body


@given(st.binary(max_size=300), st.sampled_from([b"Content-Length", b"content-length"]))
def test_a_request_is_waited_for_byte_by_byte_until_it_is_whole(body: bytes, name: bytes) -> None:
    request = post(body, name)
    for size in range(1, len(request)):
        assert size < needed_for(request[:size]) <= len(request)
    assert needed_for(request) == len(request)


def test_a_request_without_a_body_has_arrived_with_its_head() -> None:
    assert needed_for(GET) == len(GET)
    assert needed_for(GET + GET[:10]) == len(GET)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        post(b"x" * (AWAITED_BODY + 1))[:500],
        post(b"x" * 50, more=b"Expect: 100-continue\r\n")[:-50],
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        b"x" * LOOK,
        b"GET / HTTP/1.1\r\nX: " + b"x" * (LOOK - 600) + b"\r\nContent-Length: 900\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_what_can_t_be_waited_for_is_looked_at_by_a_thread(begun: bytes) -> None:
    assert needed_for(begun) <= len(begun)


@given(st.binary(max_size=3000))
def test_any_bytes_can_be_looked_at(received: bytes) -> None:
    assert 0 <= needed_for(received) <= LOOK
    assert extra_seconds_for(received) >= 0


def test_a_large_body_may_take_its_time() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 52428800\r\n\r\n"
    assert extra_seconds_for(head) == 1600
    assert extra_seconds_for(GET) == 0


def test_a_client_has_so_many_connections_and_no_more() -> None:
    crowd = Crowd(2)
    assert [crowd.enter("ada") for _ in range(3)] == [True, True, False]
    assert crowd.enter("ben")
    crowd.leave("ada")
    assert crowd.enter("ada")


def test_who_has_left_is_forgotten() -> None:
    crowd = Crowd(0)
    assert all(crowd.enter("ada") for _ in range(1000))
    for _ in range(1000):
        crowd.leave("ada")
    assert not crowd._open
