"""RabbitMQ and PostgreSQL in containers, where a Docker engine answers and has the images or can get them.

The runner supervises the attached `docker run`: a container that dies is started again on the same volume and port.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Sequence
from dataclasses import dataclass, field

from local_runner.backing.server import broker_answers, database_answers
from local_runner.places import RunDir
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

RABBITMQ_IMAGE = os.environ.get("RABBITMQ_IMAGE") or "rabbitmq:4-management"
POSTGRES_IMAGE = os.environ.get("POSTGRES_IMAGE") or "postgres:17-bookworm"
ANSWER_SECONDS = 5.0
FIRST_WORD_SECONDS = 15.0
PULL_SECONDS = 300.0
# A name that a second run removes first: the container of a runner that was killed must not keep the volume.
RUN = """docker rm --force "$1" >/dev/null 2>&1
name=$1; shift; exec docker run --rm --init --name "$name" "$@"
"""


def engine_can_run(*images: str) -> bool:
    """Whether containers of all the images can be started. An engine that can get no image counts as none."""
    return engine_answers() and all(has_image(image) or can_pull(image) for image in images)


def engine_answers() -> bool:
    """Whether there is an engine behind the client."""
    return shutil.which("docker") is not None and docker(
        "version", "--format", "{{.Server.Version}}"
    )


def has_image(image: str) -> bool:
    """Whether the engine has the image already."""
    return docker("image", "inspect", image)


def docker(*arguments: str) -> bool:
    """Whether the command succeeds, in a few seconds."""
    try:
        done = subprocess.run(  # nosec B603, B607 # our own words, without a shell, found on the PATH
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def can_pull(image: str) -> bool:
    """Pulls the image. A registry that says nothing for some seconds can't be reached."""
    with subprocess.Popen(  # nosec B603, B607 # our own words, without a shell, found on the PATH
        ["docker", "pull", image],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as pull:
        try:
            if (
                pull.stdout is None
                or not select.select([pull.stdout], [], [], FIRST_WORD_SECONDS)[0]
            ):
                return False
            print(f"Docker is getting {image} ...", flush=True)
            pull.communicate(timeout=PULL_SECONDS)
            return pull.returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                pull.kill()


@dataclass(frozen=True)
class Container:
    """How one container is run."""

    process: str
    run_dir: RunDir
    image: str
    port: int
    inner_port: int
    folder: str
    options: Sequence[str]
    variables: dict[str, str] = field(repr=False)
    command: Sequence[str] = ()

    @property
    def name(self) -> str:
        """One per run folder, for the container and its volume."""
        return f"tandem-{self.run_dir.identity}-{self.process}"

    def spec(self) -> Spec:
        """The attached `docker run`; it passes a SIGTERM on to the container."""
        words = ["--volume", f"{self.name}:{self.folder}"]
        words += ["--publish", f"127.0.0.1:{self.port}:{self.inner_port}", *self.options]
        words += [word for name in self.variables for word in ("--env", name)]
        command = ("sh", "-c", RUN, "sh", self.name, *words, self.image, *self.command)
        environment = {**os.environ, **self.variables}
        clean_up = ("docker", "rm", "--force", self.name)
        return Spec(
            self.process,
            command,
            environment,
            death_signal="TERM",
            grace=25.0,
            clean_up=clean_up,
        )


class DockerPostgres:
    """PostgreSQL's official image, data in a named volume."""

    def __init__(self, run_dir: RunDir, secrets: SecretStore) -> None:
        self._password = secrets.get("postgres_password")
        self._port = free_port()
        self._container = Container(
            "postgres",
            run_dir,
            POSTGRES_IMAGE,
            self._port,
            5432,
            "/data",
            ("--shm-size=256m",),
            {"POSTGRES_PASSWORD": self._password, "PGDATA": "/data/cluster"},
            ("postgres", "-c", "max_connections=300", "-c", "shared_buffers=256MB"),
        )

    @property
    def url(self) -> str:
        """As the superuser, whose password is random."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/postgres"

    def prepare(self) -> None:
        """The image makes its data itself."""

    def specs(self) -> Sequence[Spec]:
        """One container."""
        return (self._container.spec(),)

    def is_ready(self) -> bool:
        """Whether it lets the superuser in. While it initializes itself it listens on no port."""
        return database_answers(self.url)


class DockerRabbit:
    """RabbitMQ's official image, data in a named volume."""

    def __init__(self, run_dir: RunDir, secrets: SecretStore) -> None:
        self._password = secrets.get("rabbitmq_password")
        self._port = free_port()
        variables = {"RABBITMQ_DEFAULT_USER": "tandem", "RABBITMQ_DEFAULT_PASS": self._password}
        self._container = Container(
            "rabbitmq",
            run_dir,
            RABBITMQ_IMAGE,
            self._port,
            5672,
            "/var/lib/rabbitmq",
            ("--hostname", "tandem-rabbitmq"),  # the name of its data folder
            variables,
        )

    @property
    def url(self) -> str:
        """As the broker's administrator, whose password is random."""
        return f"amqp://tandem:{self._password}@127.0.0.1:{self._port}//"

    @property
    def control(self) -> tuple[str, ...]:
        """Inside the container."""
        return ("docker", "exec", "--interactive", self._container.name, "rabbitmqctl")

    def prepare(self) -> None:
        """The image makes its data itself."""

    def specs(self) -> Sequence[Spec]:
        """One container."""
        return (self._container.spec(),)

    def is_ready(self) -> bool:
        """Whether it opens the AMQP dialogue."""
        return broker_answers(self.url)


def remove_volumes(run_dir: RunDir) -> None:
    """Forgets the data that containers of this run folder keep."""
    if shutil.which("docker") is not None and engine_answers():
        for process in ("postgres", "rabbitmq"):
            docker("rm", "--force", f"tandem-{run_dir.identity}-{process}")
            docker("volume", "rm", "--force", f"tandem-{run_dir.identity}-{process}")
