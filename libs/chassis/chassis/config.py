"""Settings of a service process, from environment variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from environs import Env

from chassis.addresses import (
    MalformedAddress,
    address_setting,
    broker_url,
    database_hosts_as_parameters,
)
from chassis.signing import (
    MalformedKey,
    SigningKey,
    VerifyingKey,
    read_signing_key,
    read_verifying_keys,
)

Keys = TypeVar("Keys")


@dataclass(frozen=True, slots=True)
class Settings:
    """What every service process needs to know. Seconds are seconds; URLs carry their passwords."""

    amqp_url: str
    database_url: str
    http_host: str
    http_port: int
    rpc_workers: int
    database_connections: int
    deadline_seconds: float
    grace_seconds: float
    unconsumed_seconds: float
    stall_seconds: float
    event_log_days: int
    operation_days: int
    log_level: str
    instance: str
    verifying_keys: tuple[VerifyingKey, ...]
    signing_key: SigningKey | None = None


def load_settings(env: Env | None = None) -> Settings:
    """Reads the environment; environs' error names the variable that is missing or malformed."""
    env = env or Env()
    return Settings(
        amqp_url=address_setting(env, "AMQP_URL", broker_url),
        database_url=address_setting(env, "DATABASE_URL", sqlalchemy_url),
        http_host=env.str("HTTP_HOST", "0.0.0.0"),  # noqa: S104 - in a container all addresses # nosec B104
        http_port=env.int("HTTP_PORT", 8080),
        rpc_workers=env.int("RPC_WORKERS", 16),
        database_connections=env.int("DATABASE_CONNECTIONS", 12),
        deadline_seconds=env.float("DEADLINE_SECONDS", 4.5),
        grace_seconds=env.float("GRACE_SECONDS", 20.0),
        unconsumed_seconds=env.float("UNCONSUMED_SECONDS", 20.0),
        stall_seconds=env.float("STALL_SECONDS", 120.0),
        event_log_days=env.int("EVENT_LOG_DAYS", 30),
        operation_days=env.int("OPERATION_DAYS", 3),
        log_level=env.str("LOG_LEVEL", "INFO"),
        instance=env.str("SERVICE_INSTANCE", "1"),
        verifying_keys=key_setting(env, "ACTOR_VERIFYING_KEYS", read_verifying_keys),
        signing_key=(
            key_setting(env, "ACTOR_SIGNING_KEY", read_signing_key)
            if env.str("ACTOR_SIGNING_KEY", "")
            else None
        ),
    )


def key_setting(env: Env, name: str, read: Callable[[str], Keys]) -> Keys:
    """A required setting that holds keys; MalformedKey with its name, never with what it holds."""
    try:
        return read(env.str(name))
    except MalformedKey as error:
        raise MalformedKey(f"{name}: {error}") from error


def sqlalchemy_url(url: str) -> str:
    """SQLAlchemy 2.1 reads `postgresql://` as psycopg 3; we drive psycopg2. Several hosts become parameters."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg2"}:
        raise MalformedAddress("a database's address starts with postgresql://")
    return database_hosts_as_parameters(f"postgresql+psycopg2://{rest}")


def libpq_url(url: str) -> str:
    """The same URL for psycopg2 itself."""
    return "postgresql://" + url.partition("://")[2]
