"""Servers for one test run: given by address, in containers (testcontainers), or private ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.exceptions import ContainerStartException

from local_runner.backing.choice import given
from local_runner.backing.containers import LAST_LINES, POSTGRES_IMAGE, RABBITMQ_IMAGE
from local_runner.backing.engine import (
    TRIAL_SECONDS,
    Patience,
    cannot_run,
    engine_can_run,
    has_image,
    try_out,
)
from local_runner.backing.postgresql import LocalPostgres
from local_runner.backing.rabbitmq import LocalRabbit
from local_runner.backing.server import Broker, Server, broker_answers, database_answers
from local_runner.places import RunDir
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

# What goes wrong between testcontainers and an engine; OSError is requests' own kind, too.
ENGINE_ERRORS = (DockerException, ContainerStartException, OSError)


@dataclass(frozen=True)
class Recipe:
    """What a throwaway container is made of. `url` has a place for the address."""

    image: str
    port: int
    url: str
    answers: Callable[[str], bool]
    variables: Mapping[str, str] = field(repr=False)
    command: str | None = None


class ThrowawayContainer:
    """A server in a container that testcontainers starts and removes."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._container: DockerContainer | None = None
        self._patience = Patience()

    @property
    def _started(self) -> DockerContainer:
        if self._container is None:
            raise ContainerStartException(f"{self._recipe.image} was not started")
        return self._container

    @property
    def url(self) -> str:
        """As the administrator; known once the container runs."""
        host = self._started.get_container_host_ip()
        port = self._started.get_exposed_port(self._recipe.port)
        return self._recipe.url.format(address=f"{host}:{port}")

    def prepare(self) -> None:
        """Starts the container; CannotStart where Docker does not."""
        recipe = self._recipe
        try_out(recipe.image, "--publish", str(recipe.port))
        with engine_errors_explained(recipe.image):
            container = DockerContainer(
                recipe.image,
                docker_client_kw={"timeout": TRIAL_SECONDS},
                command=recipe.command,
                env=dict(recipe.variables),
                ports=[recipe.port],
            )
            self._container = container
            container.start()

    def specs(self) -> Sequence[Spec]:
        """Nothing for the supervisor: the engine runs it."""
        return ()

    @property
    def control(self) -> tuple[str, ...]:
        """Inside the container, once it runs."""
        name = str(self._started.get_wrapped_container().id)
        return ("docker", "exec", "--interactive", name, "rabbitmqctl")

    def is_ready(self) -> bool:
        """Whether it takes work now. CannotStart when its process has ended, or it has not for too long."""
        with engine_errors_explained(self._recipe.image):
            container = self._started.get_wrapped_container()
            container.reload()
            has_ended = container.status in {"exited", "dead"}
            if not has_ended and self._answers():
                return True
            if has_ended or self._patience.is_over():
                how = "Its process has ended." if has_ended else "It does not answer."
                words = container.logs(tail=LAST_LINES).decode(errors="replace")
                raise cannot_run(self._recipe.image, f"{how} Its last words:\n{words}")
        return False

    def _answers(self) -> bool:
        try:
            return self._recipe.answers(self.url)
        except (
            ContainerStartException
        ):  # it has ended between two questions: the next one finds that out
            return False

    def remove(self) -> None:
        """Ends the container and forgets its data, unless the engine does not answer any more."""
        if self._container is not None:
            with contextlib.suppress(*ENGINE_ERRORS):
                self._container.stop()


@contextlib.contextmanager
def engine_errors_explained(image: str) -> Iterator[None]:
    """Turns the engine's errors into one for the person."""
    try:
        yield
    except ENGINE_ERRORS as error:
        raise cannot_run(image, str(error)) from error


def throwaway_rabbit(secrets: SecretStore) -> ThrowawayContainer:
    """A broker with a random password."""
    password = secrets.get("rabbitmq_password")
    variables = {"RABBITMQ_DEFAULT_USER": "tandem", "RABBITMQ_DEFAULT_PASS": password}
    url = f"amqp://tandem:{password}@{{address}}//"
    return ThrowawayContainer(Recipe(RABBITMQ_IMAGE, 5672, url, broker_answers, variables))


def throwaway_postgres(secrets: SecretStore) -> ThrowawayContainer:
    """A database server with a random password, as careless with its data as tests may be."""
    password = secrets.get("postgres_password")
    url = f"postgresql://postgres:{password}@{{address}}/postgres"
    variables = {"POSTGRES_PASSWORD": password}
    command = "postgres -c fsync=off -c max_connections=300"
    recipe = Recipe(POSTGRES_IMAGE, 5432, url, database_answers, variables, command)
    return ThrowawayContainer(recipe)


@contextlib.contextmanager
def throwaway_servers(
    run_dir: RunDir, secrets: SecretStore, environment: Mapping[str, str]
) -> Iterator[tuple[Broker, Server]]:
    """The broker and the database server, not yet started; containers are removed at the end."""
    broker, database = given(environment, "AMQP_URL"), given(environment, "DATABASE_URL")
    if not (broker and database) and engine_can_run(RABBITMQ_IMAGE, POSTGRES_IMAGE):
        # Its watcher (Ryuk) is another image; where it is not at hand, removing at the end has to do.
        if not has_image(testcontainers_config.ryuk_image):
            testcontainers_config.ryuk_disabled = True
        with contextlib.ExitStack() as cleanup:
            yield (
                broker or removed_later(throwaway_rabbit(secrets), cleanup.callback),
                database or removed_later(throwaway_postgres(secrets), cleanup.callback),
            )
    else:
        yield (
            broker or LocalRabbit(run_dir, secrets),
            database or LocalPostgres(run_dir, secrets, durable=False),
        )


def removed_later(
    server: ThrowawayContainer, at_the_end: Callable[[Callable[[], None]], object]
) -> ThrowawayContainer:
    """Has the container removed however the run ends."""
    at_the_end(server.remove)
    return server
