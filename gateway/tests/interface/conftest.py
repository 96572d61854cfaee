"""The gateway as gunicorn runs it, its five services faked on the real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.testing.processes import free_port
from gateway.testing import System, faked_system, running


@pytest.fixture(scope="session")
def shared() -> Iterator[System]:
    with faked_system() as system:
        yield system


@pytest.fixture
def system(shared: System) -> System:
    shared.reset()
    return shared


@pytest.fixture(scope="session")
def lonely() -> Iterator[System]:
    """A gateway whose broker nobody can reach."""
    with running(f"amqp://nobody:nothing@127.0.0.1:{free_port()}/none") as gateway:
        system = System(gateway, {})
        yield system
        system.http.close()
