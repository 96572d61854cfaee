"""The systems that the tests run against: one that is shared, and one that is mistreated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from local_runner.places import RunDir
from local_runner.run import forget

from .client import Api, Organization, sign_up
from .layers import (
    BOTH_LAYERS,
    FILTERS_ALONE,
    ROW_LEVEL_SECURITY_ALONE,
    without_row_level_security,
)
from .secrecy import SECRETS
from .system import SERVICES, RunningSystem

SECONDS_FOR_A_TEST = 300

# Hundreds of people sign up and in: where the time that a guess takes is not the point, hashes are cheap.
CHEAP_HASHES = {"ARGON2_MEMORY_KIB": "64", "ARGON2_PASSES": "1"}

# Two copies of every service: whatever holds here holds while they share the work.
TWO_OF_EACH = tuple(word for name in SERVICES for word in ("--scale", f"{name}=2"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs a system starts it, which on a busy machine takes a while."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS_FOR_A_TEST))


@contextmanager
def run_folder() -> Iterator[Path]:
    """A run folder that leaves nothing behind, neither its servers' data nor their volumes.

    When all is over, its logs must be without any secret that the tests sent or were sent.
    """
    folder = Path(tempfile.mkdtemp(prefix="tandem-test-"))
    folder.chmod(0o755)
    try:
        yield folder
        SECRETS.assert_not_in(folder)
    finally:
        forget(RunDir(folder))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_system() -> Iterator[RunningSystem]:
    """Started once for all tests that do it no harm, on the servers of the test run where there are some."""
    with (
        run_folder() as folder,
        RunningSystem(folder, *TWO_OF_EACH, variables=CHEAP_HASHES) as system,
    ):
        yield system
        system.drop_databases()


@pytest.fixture(scope="session")
def mistreated_system() -> Iterator[RunningSystem]:
    """For tests that kill and freeze: one copy of everything, on a broker and a database of its own.

    A test says with `run_with` which services it needs; only a change of that restarts it.
    """
    with run_folder() as folder:
        system = RunningSystem(folder, own_servers=True)
        try:
            yield system
        finally:
            system.stop()


@pytest.fixture(scope="session")
def filterless_system() -> Iterator[RunningSystem]:
    """Its statements don't name the organization: only row level security keeps the organizations apart.

    On servers of its own, as its services must not answer the shared system's callers.
    """
    variables = {"ORGANIZATION_FILTERS": "off", "TANDEM_IS_UNDER_TEST": "yes", **CHEAP_HASHES}
    with (
        run_folder() as folder,
        RunningSystem(folder, own_servers=True, variables=variables) as system,
    ):
        yield system


@pytest.fixture(scope="session")
def guarded_system() -> Iterator[RunningSystem]:
    """With the limits that people have. The tests are its proxy, and say from where each request comes."""
    variables = {"RATE_LIMIT_SCALE": "1", "TRUSTED_PROXIES": "1"}
    with (
        run_folder() as folder,
        RunningSystem(folder, own_servers=True, variables=variables) as system,
    ):
        yield system


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest) -> Iterator[RunningSystem]:
    """The system that a test runs on: one of `LAYERS`, by `on_each_layer`, else the shared one."""
    layers = getattr(request, "param", BOTH_LAYERS)
    if layers == ROW_LEVEL_SECURITY_ALONE:
        yield request.getfixturevalue("filterless_system")
        return
    shared: RunningSystem = request.getfixturevalue("shared_system")
    with without_row_level_security(shared) if layers == FILTERS_ALONE else nullcontext():
        yield shared


@pytest.fixture
def url(system: RunningSystem) -> str:
    """The gateway of the system that the test runs on."""
    return system.url


@pytest.fixture
def anybody(url: str) -> Api:
    """The API without a token."""
    return Api(url)


@pytest.fixture
def organization(url: str) -> Organization:
    """A fresh organization."""
    return sign_up(url)
