"""Admits or refuses a request: by address before anything is done, by account and organization once signed in.

Each process counts by itself and tells the others (gateway.limits.gossip), so that the limits are those of all
processes together; with the broker away each limits alone, and nothing waits.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from prometheus_client import Counter
from werkzeug.datastructures import Headers
from werkzeug.exceptions import TooManyRequests

from chassis.context import Actor
from gateway.addresses import client_of
from gateway.limits.gossip import Gossip
from gateway.limits.rules import RULES, STRICTER_BY_ACCOUNT, STRICTER_BY_ADDRESS, Operation
from gateway.limits.windows import NOTHING_LEFT, Window
from gateway.settings import Settings

# Where the request keeps what it is, and what was taken for it: a list of (window, how many are left).
OPERATION = "tandem.operation"
TAKEN = "tandem.limits"

refused = Counter("tandem_http_limited_total", "Requests refused by a limit", ["limit"])


class Limits:
    """All limits of one process."""

    def __init__(self, settings: Settings) -> None:
        self.windows = {
            rule.name: Window(rule.name, settings.limits[rule.name], settings.rate_limit_scale)
            for rule in RULES
        }
        self.gossip = Gossip(settings.amqp_url, self.windows)
        self._address = self.windows["address"]
        self._account = self.windows["account"]
        self._organization = self.windows["organization"]

    def admit_address(self, environ: dict[str, Any], address: str, operation: Operation) -> None:
        """Counts a request under its address; TooManyRequests when that has had enough."""
        environ[TAKEN] = []
        environ[OPERATION] = operation
        client, now = client_of(address), time.time()
        self._take(environ, self._address, client, now)
        if operation in STRICTER_BY_ADDRESS:
            self._take(environ, self.windows[STRICTER_BY_ADDRESS[operation]], client, now)

    def admit_actor(self, environ: dict[str, Any], actor: Actor) -> None:
        """Counts a signed-in request under its account and organization."""
        operation = environ.get(OPERATION)
        account, now = actor.user_id.hex, time.time()
        self._take(environ, self._account, account, now)
        self._take(environ, self._organization, actor.organization_id.hex, now)
        if operation in STRICTER_BY_ACCOUNT:
            self._take(environ, self.windows[STRICTER_BY_ACCOUNT[operation]], account, now)

    @staticmethod
    def _take(environ: dict[str, Any], window: Window, key: str, now: float) -> None:
        left = window.take(key, now)
        environ.setdefault(TAKEN, []).append((window, max(0, left)))
        if left == NOTHING_LEFT:
            refused.labels(window.name).inc()
            seconds = window.retry_after(key, now)
            raise TooManyRequests(
                f"Too many requests: the limit '{window.name}' is {window.amount} in "
                f"{window.seconds} s. Try again in {seconds} s.",
                retry_after=seconds,
            )


def add_headers(environ: dict[str, Any], headers: Headers) -> None:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) on an answer that was counted."""
    taken = environ.get(TAKEN)
    if not taken:
        return
    now = time.time()
    headers.add("RateLimit-Policy", policies(tuple(window.policy for window, _ in taken)))
    headers.add(
        "RateLimit",
        ", ".join([f'"{w.name}";r={left};t={w.resets_in(now)}' for w, left in taken]),
    )


@lru_cache(maxsize=64)
def policies(each: tuple[str, ...]) -> str:
    """The header's value; there are as many as there are sets of limits."""
    return ", ".join(each)
