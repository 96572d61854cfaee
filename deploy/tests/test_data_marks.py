"""What a run folder notes about its data holds for the servers that have it, and for no others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from local_runner.backing.choice import Backing
from local_runner.backing.containers import DockerPostgres
from local_runner.backing.server import GivenServer
from local_runner.data_marks import (
    database_identity,
    forget_demo_elsewhere,
    note_containers,
    note_demo,
)
from local_runner.places import RunDir
from local_runner.secret_store import SecretStore

GIVEN = GivenServer("amqp://h//")


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


@contextlib.contextmanager
def database() -> Iterator[str]:
    """A new database on the tests' server, always of the same name; identified while it is there."""
    url, name = os.environ["DATABASE_URL"], f"tandem_marks_{os.getpid()}"
    connection = psycopg2.connect(url)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield database_identity(url, name)
    finally:
        cursor.execute(f"DROP DATABASE {name}")
        connection.close()


def test_a_database_that_was_made_anew_is_another_one() -> None:
    with database() as first:
        pass
    with database() as second:
        assert first
        assert second not in ("", first)


def test_a_database_stays_the_same_one() -> None:
    url = os.environ["DATABASE_URL"]
    assert database_identity(url, "postgres") == database_identity(url, "postgres") != ""


def test_a_server_that_does_not_say_which_it_is_has_no_identity() -> None:
    assert database_identity("postgresql://nobody:x@127.0.0.1:1/nothing", "identity") == ""


def test_the_demo_is_loaded_again_into_another_database(run_dir: RunDir) -> None:
    run_dir.demo_mark.touch()
    note_demo(run_dir, "server-1/16384")
    forget_demo_elsewhere(run_dir, "server-1/16384")
    assert run_dir.demo_mark.exists()
    forget_demo_elsewhere(run_dir, "server-2/16384")
    assert not run_dir.demo_mark.exists()


def test_where_no_demo_was_loaded_none_is_noted(run_dir: RunDir) -> None:
    forget_demo_elsewhere(run_dir, "server-1/16384")
    note_demo(run_dir, "server-1/16384")
    assert not run_dir.demo_mark.exists()


def test_a_demo_of_which_no_database_is_noted_is_loaded_again(run_dir: RunDir) -> None:
    run_dir.demo_mark.touch()
    forget_demo_elsewhere(run_dir, "server-1/16384")
    assert not run_dir.demo_mark.exists()


def test_a_note_is_believed_of_a_server_that_does_not_say_which_it_is(run_dir: RunDir) -> None:
    run_dir.demo_mark.touch()
    note_demo(run_dir, "server-1/16384")
    forget_demo_elsewhere(run_dir, "")
    assert run_dir.demo_mark.exists()


def test_data_in_containers_is_noted(run_dir: RunDir) -> None:
    note_containers(run_dir, Backing(GIVEN, GIVEN))
    assert not run_dir.containers_mark.exists()
    container = DockerPostgres(run_dir, SecretStore(run_dir.path / "secrets.json"))
    note_containers(run_dir, Backing(GIVEN, container))
    assert run_dir.containers_mark.exists()
