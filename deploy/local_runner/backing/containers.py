"""RabbitMQ and PostgreSQL in containers, where a Docker engine answers and has the images or can get them.

The runner supervises the attached `docker run`: a container that dies is started again on the same volume and port.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from local_runner.backing import engine
from local_runner.backing.engine import Patience, cannot_run, docker, engine_answers
from local_runner.backing.server import broker_answers, database_answers
from local_runner.places import RunDir
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

RABBITMQ_IMAGE = os.environ.get("RABBITMQ_IMAGE") or "rabbitmq:4-management"
POSTGRES_IMAGE = os.environ.get("POSTGRES_IMAGE") or "postgres:17-bookworm"
PROCESSES = ("postgres", "rabbitmq")
LAST_LINES = 25
# A name that a second run removes first: the container of a runner that was killed must not keep the volume.
RUN = """docker rm --force "$1" >/dev/null 2>&1
name=$1; shift; exec docker run --rm --init --name "$name" "$@"
"""


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
        return name_of(self.run_dir, self.process)

    @property
    def places(self) -> Sequence[str]:
        """Its volume and its port, as `docker run` takes them."""
        port = f"127.0.0.1:{self.port}:{self.inner_port}"
        return ("--volume", f"{self.name}:{self.folder}", "--publish", port)

    def spec(self) -> Spec:
        """The attached `docker run`; it passes a SIGTERM on to the container."""
        words = [*self.places, *self.options]
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
            advice=f"It is a container of {self.image}. {self.advice}",
        )

    @property
    def advice(self) -> str:
        """How to go on without Docker, and what becomes of the folder's data then."""
        if not self.run_dir.containers_mark.exists():
            return engine.ADVICE
        return advice_on_data(self.run_dir)

    def last_words(self) -> str:
        """The end of its log."""
        log = self.run_dir.log_file(self.process)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(lines[-LAST_LINES:])


class DockerServer:
    """A server in a container. Docker is tried out before it starts, and given up when it does not answer.

    `url` has the administrator's name and password.
    """

    def __init__(self, container: Container, url: str, answers: Callable[[str], bool]) -> None:
        self.url = url
        self._container = container
        self._answers = answers
        self._patience = Patience()

    def prepare(self) -> None:
        """The image makes its data itself."""
        container = self._container
        engine.try_out(container.image, *container.places, advice=container.advice)

    def specs(self) -> Sequence[Spec]:
        """One container."""
        return (self._container.spec(),)

    def is_ready(self) -> bool:
        """Whether it takes work now. CannotStart when it has not for too long."""
        if self._answers(self.url):
            return True
        if self._patience.is_over():
            said = f"It does not answer.\n{self._container.last_words()}"
            raise cannot_run(self._container.image, said, self._container.advice)
        return False


class DockerPostgres(DockerServer):
    """PostgreSQL's official image, data in a named volume. While it initializes itself it listens on no port."""

    def __init__(self, run_dir: RunDir, secrets: SecretStore) -> None:
        password, port = secrets.get("postgres_password"), free_port()
        container = Container(
            "postgres",
            run_dir,
            POSTGRES_IMAGE,
            port,
            5432,
            "/data",
            ("--shm-size=256m",),
            {"POSTGRES_PASSWORD": password, "PGDATA": "/data/cluster"},
            ("postgres", "-c", "max_connections=300", "-c", "shared_buffers=256MB"),
        )
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        super().__init__(container, url, database_answers)


class DockerRabbit(DockerServer):
    """RabbitMQ's official image, data in a named volume."""

    def __init__(self, run_dir: RunDir, secrets: SecretStore) -> None:
        password, port = secrets.get("rabbitmq_password"), free_port()
        variables = {"RABBITMQ_DEFAULT_USER": "tandem", "RABBITMQ_DEFAULT_PASS": password}
        container = Container(
            "rabbitmq",
            run_dir,
            RABBITMQ_IMAGE,
            port,
            5672,
            "/var/lib/rabbitmq",
            ("--hostname", "tandem-rabbitmq"),  # the name of its data folder
            variables,
        )
        url = f"amqp://tandem:{password}@127.0.0.1:{port}//"
        super().__init__(container, url, broker_answers)

    @property
    def control(self) -> tuple[str, ...]:
        """Inside the container."""
        return ("docker", "exec", "--interactive", self._container.name, "rabbitmqctl")


def name_of(run_dir: RunDir, process: str) -> str:
    """What a run folder's container and its volume are called."""
    return f"tandem-{run_dir.identity}-{process}"


def volumes_of(run_dir: RunDir) -> str:
    """The names of a run folder's volumes."""
    return " and ".join(name_of(run_dir, process) for process in PROCESSES)


def advice_on_data(run_dir: RunDir) -> str:
    """How to go on without Docker where containers hold the data. Going on by itself would seem to have lost it."""
    return (
        f"The data of {run_dir.path} is in Docker's volumes {volumes_of(run_dir)}. Without Docker, on new data:\n"
        f"  RUN_DIR=another-folder {engine.WITHOUT_DOCKER} bin/run    keeps what is in the volumes for later\n"
        f"  {engine.WITHOUT_DOCKER} bin/run --fresh    gives it up"
    )


def remove_volumes(run_dir: RunDir) -> None:
    """Forgets the data that containers of this run folder keep."""
    if shutil.which("docker") is not None and engine_answers():
        names = [name_of(run_dir, process) for process in PROCESSES]
        docker("rm", "--force", *names)
        docker("volume", "rm", "--force", *names)
    elif run_dir.containers_mark.exists():
        print(
            f"Docker does not answer: its volumes {volumes_of(run_dir)} are left over.", flush=True
        )
    run_dir.containers_mark.unlink(missing_ok=True)
