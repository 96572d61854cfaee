"""Servers for one test run: given by address, in containers (testcontainers), or private ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from local_runner.backing.choice import given
from local_runner.backing.containers import (
    POSTGRES_IMAGE,
    RABBITMQ_IMAGE,
    engine_can_run,
    has_image,
)
from local_runner.backing.postgresql import LocalPostgres
from local_runner.backing.rabbitmq import LocalRabbit
from local_runner.backing.server import Broker, Server, broker_answers, database_answers
from local_runner.places import RunDir
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore


class ThrowawayContainer:
    """A server in a container that testcontainers starts and removes."""

    def __init__(self, image: str, port: int, url: str, variables: Mapping[str, str]) -> None:
        self._container = DockerContainer(image).with_exposed_ports(port)
        for name, value in variables.items():
            self._container.with_env(name, value)
        self._port = port
        self._url = url

    @property
    def url(self) -> str:
        """As the administrator; known once the container runs."""
        host = self._container.get_container_host_ip()
        port = self._container.get_exposed_port(self._port)
        return self._url.format(address=f"{host}:{port}")

    def prepare(self) -> None:
        """Starts the container."""
        self._container.start()

    def specs(self) -> Sequence[Spec]:
        """Nothing for the supervisor: the engine runs it."""
        return ()

    @property
    def control(self) -> tuple[str, ...]:
        """Inside the container, once it runs."""
        name = str(self._container.get_wrapped_container().id)
        return ("docker", "exec", "--interactive", name, "rabbitmqctl")

    def is_ready(self) -> bool:
        """Whether it takes work now."""
        answers = broker_answers if self._url.startswith("amqp") else database_answers
        return answers(self.url)

    def remove(self) -> None:
        """Ends the container and forgets its data."""
        self._container.stop()


def throwaway_rabbit(secrets: SecretStore) -> ThrowawayContainer:
    """A broker with a random password."""
    password = secrets.get("rabbitmq_password")
    variables = {"RABBITMQ_DEFAULT_USER": "tandem", "RABBITMQ_DEFAULT_PASS": password}
    url = f"amqp://tandem:{password}@{{address}}//"
    return ThrowawayContainer(RABBITMQ_IMAGE, 5672, url, variables)


def throwaway_postgres(secrets: SecretStore) -> ThrowawayContainer:
    """A database server with a random password, as careless with its data as tests may be."""
    password = secrets.get("postgres_password")
    url = f"postgresql://postgres:{password}@{{address}}/postgres"
    server = ThrowawayContainer(POSTGRES_IMAGE, 5432, url, {"POSTGRES_PASSWORD": password})
    server._container.with_command("postgres -c fsync=off -c max_connections=300")  # noqa: SLF001
    return server


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
