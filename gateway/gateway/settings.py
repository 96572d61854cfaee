"""Settings of the gateway, from environment variables."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from environs import Env, EnvValidationError, ValidationError, validate
from limits import RateLimitItem

from chassis.addresses import address_setting, broker_url
from chassis.config import key_setting
from chassis.signing import SigningKey, read_signing_key
from gateway.limits.rules import DEFAULTS, RULES, limit_of

MEBIBYTE = 1024 * 1024
SHORTEST_KEY = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What a gateway process needs to know. Seconds are seconds, sizes are bytes."""

    amqp_url: str
    request_seconds: float = 4.5
    token_cache_seconds: float = 0.8
    token_cache_entries: int = 10_000
    in_flight: int = 256
    threads: int = 80
    sign_up_enabled: bool = True
    max_body: int = MEBIBYTE
    max_upload: int = 50 * MEBIBYTE
    log_level: str = "INFO"
    instance: str = "gateway"
    trusted_proxies: int = 0
    limits: Mapping[str, RateLimitItem] = field(default_factory=lambda: DEFAULTS)
    rate_limit_scale: float = 1.0
    connections_per_address: int = 500
    public_url: str = ""
    # Of this process alone when none are given: the portal's sign-ins end with it.
    portal_keys: tuple[str, ...] = field(default_factory=lambda: (secrets.token_urlsafe(32),))
    signing_key: SigningKey | None = None

    @property
    def most_connections(self) -> int:
        """Open connections of one client; 0 where all come from our own proxies, whose business it is then."""
        return (
            0
            if self.trusted_proxies
            else round(self.connections_per_address * self.rate_limit_scale)
        )

    @property
    def has_tls(self) -> bool:
        """Whether people reach us by https."""
        return self.public_url.startswith("https://")


def load_settings(env: Env | None = None) -> Settings:
    """Reads the environment; environs' error names the variable that is missing or malformed."""
    env = env or Env()
    return Settings(
        amqp_url=address_setting(env, "AMQP_URL", broker_url),
        request_seconds=env.float("REQUEST_SECONDS", 4.5),
        token_cache_seconds=env.float("TOKEN_CACHE_SECONDS", 0.8),
        token_cache_entries=env.int("TOKEN_CACHE_ENTRIES", 10_000),
        in_flight=env.int("GATEWAY_IN_FLIGHT", 256),
        threads=env.int("GATEWAY_THREADS", 80),
        sign_up_enabled=env.bool("SIGN_UP_ENABLED", True),
        log_level=env.str("LOG_LEVEL", "INFO"),
        instance=env.str("SERVICE_INSTANCE", "gateway"),
        trusted_proxies=env.int("TRUSTED_PROXIES", 0),
        limits={rule.name: limit(env, rule.setting, rule.default) for rule in RULES},
        rate_limit_scale=env.float(
            "RATE_LIMIT_SCALE", 1.0, validate=validate.Range(min=0, min_inclusive=False)
        ),
        connections_per_address=env.int("CONNECTIONS_PER_ADDRESS", 500),
        max_body=env.int("MAX_BODY_BYTES", MEBIBYTE),
        max_upload=env.int("MAX_UPLOAD_BYTES", 50 * MEBIBYTE),
        public_url=env.str("PUBLIC_URL", "", validate=is_address).rstrip("/"),
        portal_keys=tuple(env.list("PORTAL_SECRET_KEY", validate=are_keys)),
        signing_key=key_setting(env, "ACTOR_SIGNING_KEY", read_signing_key),
    )


def limit(env: Env, name: str, default: str) -> RateLimitItem:
    """A limit such as `100/10 seconds`."""
    text = env.str(name, default)
    try:
        return limit_of(text)
    except ValueError as error:
        message = f'Environment variable "{name}" must look like "100/10 seconds": {error}'
        raise EnvValidationError(message, [message]) from error


def is_address(text: str) -> None:
    """ValidationError unless it is empty, or where people find us from outside."""
    split = urlsplit(text)
    if text and not (split.scheme in {"http", "https"} and split.netloc and not split.query):
        raise ValidationError("must be an address such as https://tandem.example.org")


def are_keys(keys: Sequence[str]) -> None:
    """ValidationError unless there is a key, and each is long enough not to be guessed."""
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise ValidationError(f"must have {SHORTEST_KEY} characters or more, in each key")
