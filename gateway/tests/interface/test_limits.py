"""Limits over HTTP: what a caller is told, that two processes count together, that nobody pays for another's flood."""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
import requests

from chassis.testing import wait_until
from gateway.testing import System, is_problem, running

ME = "/api/v1/me"
NOWHERE = "/api/v1/nothing"
# No window ends within a test.
FEW = {
    "TRUSTED_PROXIES": "1",
    "RATE_LIMIT_ADDRESS": "10/1 day",
    "RATE_LIMIT_ACCOUNT": "5/1 day",
    "RATE_LIMIT_ORGANIZATION": "7/1 day",
    "RATE_LIMIT_SIGN_UP": "2/1 day",
    "RATE_LIMIT_SIGN_IN": "3/1 day",
    "RATE_LIMIT_UPLOADS": "1/1 day",
    "RATE_LIMIT_BATCHES": "2/1 day",
}
addresses = (f"203.0.{high}.{low}" for high in range(256) for low in range(256))


@contextmanager
def gateways(shared: System, number: int, **settings: str) -> Iterator[list[System]]:
    """So many processes with these limits, in front of the shared fakes."""
    with ExitStack() as stack:
        systems = []
        for _ in range(number):
            gateway = stack.enter_context(running(os.environ["AMQP_URL"], **settings))
            system = System(gateway, shared.fakes)
            system.tokens = shared.tokens
            stack.callback(system.http.close)
            systems.append(system)
        for system in systems:
            wait_until(lambda s=system: s.request("GET", "/readyz").ok, 20, every=0.1)
        yield systems


@pytest.fixture(scope="module")
def one_limited(shared: System) -> Iterator[System]:
    shared.reset()
    with gateways(shared, 1, **FEW) as (limited,):
        yield limited


@pytest.fixture
def answering(system: System) -> System:
    """Everybody is known, so that what is not refused is answered."""
    system.on("identity", "get_user", {"id": str(uuid.uuid4()), "version": 1})
    return system


@pytest.fixture
def limited(one_limited: System, answering: System) -> System:
    """A gateway with narrow limits, asked from an address of this test's own."""
    one_limited.http.headers["X-Forwarded-For"] = next(addresses)
    return one_limited


def allowed(system: System, times: int, token: str | None, path: str = ME) -> int:
    """How many of so many requests are not refused for being too many."""
    answers = [system.request("GET", path, token) for _ in range(times)]
    return sum(answer.status_code != 429 for answer in answers)


def left(answer: requests.Response) -> dict[str, int]:
    """How many requests each limit still allows."""
    found = re.findall(r'"([a-z-]+)";r=(\d+);t=\d+', answer.headers["RateLimit"])
    return {name: int(number) for name, number in found}


def test_an_answer_tells_the_limits_and_what_is_left_of_them(answering: System) -> None:
    _, token = answering.sign_in("student")
    answer = answering.request("GET", ME, token)
    assert answer.headers["RateLimit-Policy"] == (
        '"address";q=6000;w=10, "account";q=3000;w=10, "organization";q=6000;w=10'
    )
    assert left(answer).keys() == {"address", "account", "organization"}
    assert left(answer)["account"] == 2999


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/openapi.json"])
def test_what_watches_over_the_gateway_is_not_limited(system: System, path: str) -> None:
    assert "RateLimit" not in system.request("GET", path).headers


def test_a_stranger_is_counted_by_address_also_where_there_is_nothing(limited: System) -> None:
    assert left(limited.request("GET", NOWHERE)) == {"address": 9}


def test_who_asks_too_often_is_told_when_to_come_back(limited: System) -> None:
    _, token = limited.sign_in("student")
    assert allowed(limited, 5, token) == 5
    answer = limited.request("GET", ME, token)
    problem = is_problem(answer, 429, "request.too_many")
    assert "'account' is 5 in 86400 s" in problem["detail"]
    assert left(answer)["account"] == 0
    assert 1 <= int(answer.headers["Retry-After"]) <= 2 * 86400


def test_one_account_does_not_use_up_anothers_limit(limited: System) -> None:
    _, loud = limited.sign_in("student")
    _, quiet = limited.sign_in("student")
    assert allowed(limited, 6, loud) == 5
    limited.http.headers["X-Forwarded-For"] = next(addresses)
    assert allowed(limited, 5, quiet) == 5


def test_an_organization_is_limited_whoever_of_it_asks(limited: System) -> None:
    first, token = limited.sign_in("student")
    colleague = uuid.uuid4().hex
    limited.tokens[colleague] = type(first)(uuid.uuid4(), first.organization_id, first.roles)
    assert allowed(limited, 4, token) + allowed(limited, 4, colleague) == 7
    assert allowed(limited, 1, limited.sign_in("student")[1]) == 1


def test_a_refused_request_costs_the_services_nothing(limited: System) -> None:
    for number in range(20):
        limited.request("GET", ME, f"token-nobody-has-{number}")
    assert len(limited.calls("identity", "verify_token")) == 10


def test_each_client_behind_a_trusted_proxy_has_its_own_limit(limited: System) -> None:
    for client in (next(addresses), next(addresses)):
        statuses = []
        for number in range(12):
            limited.http.headers["X-Forwarded-For"] = f"10.9.8.{number}, {client}"
            statuses.append(limited.request("GET", NOWHERE).status_code)
        assert statuses.count(429) == 2


def test_an_ipv6_client_has_one_limit_whichever_of_its_addresses_it_uses(limited: System) -> None:
    statuses = []
    for number in range(12):
        limited.http.headers["X-Forwarded-For"] = f"2001:db8::{number:x}:1"
        statuses.append(limited.request("GET", NOWHERE).status_code)
    assert statuses.count(429) == 2


@pytest.mark.parametrize(
    ("path", "amount"), [("/api/v1/organizations", 2), ("/api/v1/auth/login", 3)]
)
def test_what_strangers_may_do_has_a_stricter_limit(
    limited: System, path: str, amount: int
) -> None:
    statuses = [limited.request("POST", path, json={}).status_code for _ in range(5)]
    assert statuses == [422] * amount + [429] * (5 - amount)
    assert limited.request("GET", NOWHERE).status_code == 404


@pytest.mark.parametrize(
    ("path", "amount"), [("/api/v1/imports", 1), ("/api/v1/assignments/batch", 2)]
)
def test_uploads_and_batches_have_a_stricter_limit(limited: System, path: str, amount: int) -> None:
    _, token = limited.sign_in("admin")
    statuses = [limited.request("POST", path, token).status_code for _ in range(4)]
    assert statuses.count(429) == 4 - amount
    assert limited.request("GET", ME, token).ok


def test_two_processes_limit_together_and_the_scale_multiplies(answering: System) -> None:
    with gateways(answering, 2, RATE_LIMIT_ACCOUNT="10/1 day", RATE_LIMIT_SCALE="2") as (a, b):
        wait_until(lambda: hears(b, a) and hears(a, b), 10)
        _, token = a.sign_in("student")
        assert allowed(a, 15, token) == 15
        # The other hears of it within a round; each look of ours costs one.
        wait_until(lambda: left(b.request("GET", ME, token))["account"] <= 4, 5)
        with ThreadPoolExecutor(2) as pool:
            rest = list(pool.map(lambda system: allowed(system, 40, token), (a, b)))
        # Exact but for what both let through before the next round: on each side no more than was left.
        assert sum(rest) <= 2 * 5
        for system in (a, b):
            wait_until(lambda s=system: s.request("GET", ME, token).status_code == 429, 5)
        assert allowed(b, 20, a.sign_in("student")[1]) == 20


def hears(listener: System, speaker: System) -> bool:
    """Whether the listener counts what the speaker has just let through."""
    _, token = speaker.sign_in("student")
    allowed(speaker, 10, token)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: left(listener.request("GET", ME, token))["account"] < 10, 1, every=0.2)
        return True
    return False


def test_without_a_broker_a_process_limits_by_itself_and_waits_for_nothing() -> None:
    amqp_url = "amqp://nobody:nothing@127.0.0.1:1/none"
    with running(amqp_url, RATE_LIMIT_ADDRESS="10/1 day") as gateway:
        lonely = System(gateway, {})
        started = time.monotonic()
        through = 0
        for number in range(30):
            # Nobody is asked to trust this.
            headers = {"X-Forwarded-For": f"203.0.113.{number}"}
            through += lonely.request("GET", NOWHERE, headers=headers).status_code == 404
        assert through == 10
        assert time.monotonic() - started < 5
        lonely.http.close()
