"""Ports for private servers."""

from __future__ import annotations

import socket

from local_runner.ports import PRIVATE_RANGE, free_port, is_free


def test_no_port_is_handed_out_twice() -> None:
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    assert all(port in PRIVATE_RANGE for port in ports)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])
