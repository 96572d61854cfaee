from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.testing import ServiceProcess


@pytest.fixture(scope="session")
def service() -> Iterator[ServiceProcess]:
    with ServiceProcess("assignment_service") as process:
        yield process
