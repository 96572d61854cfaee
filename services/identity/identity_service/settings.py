"""Identity's own settings, from environment variables."""

from __future__ import annotations

from datetime import timedelta

from environs import Env

from identity_service.domain.passwords import HashCost, Passwords
from identity_service.domain.tokens import Tokens


def load_tokens(env: Env) -> Tokens:
    """The token maker. There is no default secret: one that everybody knows would be none."""
    return Tokens(
        secret=env.str("TOKEN_SECRET").encode(),
        access_life=timedelta(seconds=env.int("ACCESS_TOKEN_SECONDS", 15 * 60)),
        refresh_life=timedelta(days=env.int("REFRESH_TOKEN_DAYS", 30)),
    )


def load_passwords(env: Env) -> Passwords:
    """The hasher."""
    cost = HashCost(
        memory_kib=env.int("ARGON2_MEMORY_KIB", 19456),
        passes=env.int("ARGON2_PASSES", 2),
        lanes=env.int("ARGON2_LANES", 1),
    )
    return Passwords(cost, at_once=env.int("ARGON2_AT_ONCE", 2))
