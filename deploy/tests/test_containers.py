"""A Docker engine that answers and runs no container: what is said, how soon, and what becomes of the data."""

from __future__ import annotations

import os
import re
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner.backing import engine, throwaway
from local_runner.backing.choice import uses_data_of_containers
from local_runner.backing.containers import POSTGRES_IMAGE, DockerPostgres, remove_volumes
from local_runner.backing.throwaway import ThrowawayContainer, throwaway_postgres
from local_runner.errors import CannotStart
from local_runner.places import ROOT, RunDir
from local_runner.secret_store import SecretStore

FAILS = "echo 'Error response from daemon: no space left on device' >&2; exit 125"
HANGS = "exec sleep 60"
NO_ENGINE = "exit 1"

FakeDocker = Callable[..., Path]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Puts a `docker` on the PATH that has every image; answers the file that its calls are written to."""

    def made(*, run: str = "", version: str = "") -> Path:
        calls = tmp_path / "calls"
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\necho "$@" >>{calls}\ncase "$1" in\nrun) {run or ":"};;\nversion) {version or ":"};;\nesac\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return calls

    return made


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "run")


@pytest.fixture
def secrets(run_dir: RunDir) -> SecretStore:
    run_dir.path.mkdir()
    return SecretStore(run_dir.path / "secrets.json")


def test_a_container_that_fails_is_named_with_dockers_words_and_the_way_without(
    docker: FakeDocker,
) -> None:
    docker(run=FAILS)
    with pytest.raises(CannotStart) as refused:
        engine.try_out("postgres:17")
    said = str(refused.value)
    assert said.startswith("Docker can't run a container of postgres:17:\nError response from")
    assert "no space left on device" in said
    assert "put DOCKER_HOST=unix:///none before the command" in said


def test_an_engine_that_starts_no_container_is_not_waited_for(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = docker(run=HANGS)
    monkeypatch.setattr(engine, "TRIAL_SECONDS", 0.5)
    with pytest.raises(CannotStart, match=r"has not ended after 0.5 seconds"):
        engine.try_out("postgres:17")
    started, removed = calls.read_text().splitlines()[-2:]
    (name,) = re.findall(r"--name (tandem-trial-\w+)", started)
    assert removed == f"rm --force {name}"


def test_a_server_is_tried_with_its_own_volume_and_port(
    docker: FakeDocker, run_dir: RunDir, secrets: SecretStore
) -> None:
    calls = docker()
    server = DockerPostgres(run_dir, secrets)
    server.prepare()
    port = server.url.rpartition(":")[2].partition("/")[0]
    run, remove, option, name, *places = calls.read_text().split()
    assert (run, remove, option) == ("run", "--rm", "--name")
    assert name.startswith("tandem-trial-")
    assert places == [
        *("--volume", f"tandem-{run_dir.identity}-postgres:/data"),
        *("--publish", f"127.0.0.1:{port}:5432", "--entrypoint", "true", POSTGRES_IMAGE),
    ]


def test_a_container_that_runs_without_answering_is_given_up_with_its_last_words(
    run_dir: RunDir, secrets: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "READY_SECONDS", 0)
    run_dir.log_file("postgres").write_text("could not map anonymous shared memory\n")
    with pytest.raises(CannotStart, match=r"does not answer.\ncould not map anonymous(.|\n)*To do"):
        DockerPostgres(run_dir, secrets).is_ready()


def test_a_container_that_dies_leads_to_the_way_without(
    run_dir: RunDir, secrets: SecretStore
) -> None:
    (spec,) = DockerPostgres(run_dir, secrets).specs()
    assert spec.advice == f"It is a container of {POSTGRES_IMAGE}. {engine.ADVICE}"


def test_where_containers_hold_the_data_the_way_without_says_so(
    docker: FakeDocker, run_dir: RunDir, secrets: SecretStore
) -> None:
    docker(run=FAILS)
    run_dir.containers_mark.touch()
    with pytest.raises(CannotStart) as refused:
        DockerPostgres(run_dir, secrets).prepare()
    said = str(refused.value)
    assert f"is in Docker's volumes tandem-{run_dir.identity}-postgres and" in said
    assert "RUN_DIR=another-folder DOCKER_HOST=unix:///none bin/run " in said
    assert "DOCKER_HOST=unix:///none bin/run --fresh " in said


@pytest.mark.usefixtures("secrets")
def test_data_in_containers_is_not_given_up_for_new_data_when_the_engine_is_gone(
    docker: FakeDocker, run_dir: RunDir
) -> None:
    docker(version=NO_ENGINE)
    assert not uses_data_of_containers(run_dir, ["postgres:17"])
    run_dir.containers_mark.touch()
    with pytest.raises(CannotStart, match=f"The data of {run_dir.path} is in Docker's volumes"):
        uses_data_of_containers(run_dir, ["postgres:17"])


@pytest.mark.usefixtures("secrets")
def test_data_of_private_servers_stays_with_them(docker: FakeDocker, run_dir: RunDir) -> None:
    docker()
    assert uses_data_of_containers(run_dir, ["postgres:17"])
    (run_dir.path / "postgres").mkdir()
    assert not uses_data_of_containers(run_dir, ["postgres:17"])


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("version", ["", NO_ENGINE])
def test_forgotten_data_is_not_asked_for_again(
    docker: FakeDocker, run_dir: RunDir, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = docker(version=version)
    run_dir.containers_mark.touch()
    remove_volumes(run_dir)
    names = [f"tandem-{run_dir.identity}-{name}" for name in ("postgres", "rabbitmq")]
    assert (f"volume rm --force {' '.join(names)}" in calls.read_text()) is not bool(version)
    assert (f"volumes {' and '.join(names)} are left over" in capsys.readouterr().out) is bool(
        version
    )
    assert not run_dir.containers_mark.exists()


class EndedContainer:
    """What testcontainers gives for a container whose process has ended."""

    status = "exited"

    def get_wrapped_container(self) -> EndedContainer:
        return self

    def reload(self) -> None:
        """Nothing new."""

    def logs(self, **_: Any) -> bytes:
        return b"initdb: could not change permissions\n"


def started(secrets: SecretStore, container: Any) -> ThrowawayContainer:
    server = throwaway_postgres(secrets)
    server._container = container
    return server


def test_a_test_runs_container_that_has_ended_is_given_up_with_its_last_words(
    secrets: SecretStore,
) -> None:
    server = started(secrets, EndedContainer())
    with pytest.raises(CannotStart, match=r"process has ended. Its last words:\ninitdb: could not"):
        server.is_ready()


def test_what_the_engine_refuses_a_test_run_is_said_without_a_trace(
    docker: FakeDocker, secrets: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("Read timed out.")

    docker()
    monkeypatch.setattr(throwaway, "DockerContainer", refuse)
    with pytest.raises(CannotStart, match=r"can't run a container of .*\nRead timed out."):
        throwaway_postgres(secrets).prepare()


def test_removing_a_container_does_not_hide_why_it_failed(secrets: SecretStore) -> None:
    class Stuck(EndedContainer):
        def stop(self) -> None:
            raise ConnectionError("Read timed out.")

    server = started(secrets, Stuck())
    server.remove()
    with pytest.raises(CannotStart, match="process has ended"):
        server.is_ready()


@pytest.mark.parametrize("command", ["bin/run --port 0", "bin/test deploy/tests/test_ports.py"])
def test_every_command_ends_at_once_where_docker_fails(
    docker: FakeDocker, run_dir: RunDir, command: str
) -> None:
    docker(run=FAILS)
    dropped = {"AMQP_URL", "DATABASE_URL", "DOCKER_HOST"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    program, *words = command.split()
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        [str(ROOT / program), *words],
        env={**kept, "RUN_DIR": str(run_dir.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Docker can't run a container of" in done.stderr
    assert "no space left on device" in done.stderr
    assert "DOCKER_HOST=unix:///none" in done.stderr
    assert "Traceback" not in done.stderr
