"""Identity's own settings, from environment variables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from environs import Env, validate

from chassis.mail.settings import load_carrier, load_sender
from identity_service.domain.hash_budgets import Budget, Budgets
from identity_service.domain.hash_queue import HashQueue
from identity_service.domain.links import Links
from identity_service.domain.passwords import HashCost, Passwords
from identity_service.domain.throttle import Pace, Throttle
from identity_service.domain.tokens import Tokens
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.mail import Post


def load_tokens(env: Env) -> Tokens:
    """The token maker. There is no default secret: one that everybody knows would be none."""
    return Tokens(
        secret=env.str("TOKEN_SECRET").encode(),
        access_life=timedelta(seconds=env.int("ACCESS_TOKEN_SECONDS", 15 * 60)),
        refresh_life=timedelta(days=env.int("REFRESH_TOKEN_DAYS", 30)),
        login_life=timedelta(days=env.int("LOGIN_DAYS", 90)),
    )


def load_hashing(env: Env, offload: Callable[..., Any]) -> Hashing:
    """The process's hashing. `offload(function, *arguments)` runs a hash away from the event loop."""
    cost = HashCost(
        memory_kib=env.int("ARGON2_MEMORY_KIB", 19456),
        passes=env.int("ARGON2_PASSES", 2),
        lanes=env.int("ARGON2_LANES", 1),
    )
    budgets = Budgets(load_hash_budget(env))
    queue = HashQueue(budgets, at_once=load_at_once(env), places=load_hash_places(env))
    return Hashing(Passwords(cost, offload), queue, load_throttle(env))


def load_at_once(env: Env) -> int:
    """Hashes at once."""
    return env.int("ARGON2_AT_ONCE", 2)


def load_niceness(env: Env) -> int:
    """How far hashes stand back when others want the processor: 0 not at all, 19 all but entirely."""
    return env.int("HASH_NICENESS", 5, validate=validate.Range(0, 19))


def load_hash_places(env: Env) -> int:
    """How many hashes may be asked for at once, and so how many calls may wait for one."""
    return env.int("HASH_PLACES", 128)


def load_hash_budget(env: Env) -> Budget:
    """What a client or an account may have hashed, whatever comes of it. `RATE_LIMIT_SCALE` multiplies it."""
    per_minute = env.float("HASHES_PER_MINUTE", 600.0)
    given = Budget(env.float("HASHES_BURST", per_minute), per_minute / 60)
    return given.scaled(env.float("RATE_LIMIT_SCALE", 1.0))


def load_links(env: Env) -> Links:
    """The maker of invitations' and resets' links."""
    return Links(
        secret=env.str("TOKEN_SECRET").encode(),
        public_url=env.str("PUBLIC_URL", "http://127.0.0.1:8080"),
        invitation_life=timedelta(days=env.int("INVITATION_DAYS", 14)),
        reset_life=timedelta(minutes=env.int("RESET_MINUTES", 60)),
    )


def load_throttle(env: Env) -> Throttle:
    """How fast passwords may be tried. `RATE_LIMIT_SCALE` multiplies everything."""
    scale = env.float("RATE_LIMIT_SCALE", 1.0)

    def pace(name: str, burst: int, seconds: float) -> Pace:
        prefix = f"SIGN_IN_{name}"
        given = Pace(env.int(f"{prefix}_BURST", burst), env.float(f"{prefix}_SECONDS", seconds))
        return given.scaled(scale)

    return Throttle(
        secret=env.str("TOKEN_SECRET").encode(),
        login_at_address=pace("LOGIN_AT_ADDRESS", 20, 5),
        login=pace("LOGIN", 50, 10),
        address=pace("ADDRESS", 300, 1 / 3),
        reset=pace("RESET", 3, 600),
        known_for=timedelta(days=env.int("SIGN_IN_KNOWN_DAYS", 30)),
    )


def load_post(env: Env, offload: Callable[..., Any]) -> Post | None:
    """How mails are sent; None when they have nowhere to go."""
    carrier = load_carrier(env)
    if carrier is None:
        return None
    return Post(
        carrier=carrier,
        sender=load_sender(env),
        offload=offload,
        first_delay=timedelta(seconds=env.float("MAIL_RETRY_SECONDS", 60.0)),
        give_up_after=timedelta(hours=env.float("MAIL_GIVE_UP_HOURS", 72.0)),
        kept_for=timedelta(days=env.int("MAIL_LOG_DAYS", 30)),
    )
