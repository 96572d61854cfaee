"""A gateway process that remembers tokens for a minute, and learns from events what is not so any more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.context import Actor
from chassis.testing import wait_until
from gateway.testing import GatewayProcess, System, is_problem, running
from gateway.tokens import TRUST_SECONDS

USER = {"id": "x", "version": 1}


@pytest.fixture(scope="module")
def other() -> Iterator[GatewayProcess]:
    with running(os.environ["AMQP_URL"], TOKEN_CACHE_SECONDS="60") as process:  # nosec B106 # made up for a test
        yield process


def questions(system: System, token: str) -> int:
    """How often identity was asked about the token."""
    return system.calls("identity", "verify_token").count({"access_token": token})


def remembered(system: System, other: GatewayProcess, *roles: str) -> tuple[Actor, str]:
    """Somebody whose token the other process does not ask about any more, although no event is due."""
    person, token = system.sign_in(*roles)
    system.on("identity", "get_user", USER)
    began = time.monotonic()
    while time.monotonic() < began + TRUST_SECONDS + 0.4:
        assert system.request("GET", f"{other.url}/api/v1/me", token).ok
    assert questions(system, token) < 3
    return person, token


def test_a_token_is_remembered_as_long_as_the_setting_says(
    system: System, other: GatewayProcess
) -> None:
    remembered(system, other, "admin")


@pytest.mark.parametrize(
    "name", ["credentials_revoked", "user_updated", "user_archived", "user_erased"]
)
def test_an_event_ends_a_token_in_every_process_within_a_second(
    system: System, other: GatewayProcess, name: str
) -> None:
    person, token = remembered(system, other, "admin")
    user_id = str(person.user_id)
    data: dict[str, Any] = {"users": [{"id": user_id}]}
    if name == "credentials_revoked":
        data = {"user_id": user_id, "login_id": None}
    del system.tokens[token]
    system.publish("identity", name, person.organization_id, data)
    url = f"{other.url}/api/v1/me"
    wait_until(lambda: system.request("GET", url, token).status_code == 401, 1, every=0.01)
    is_problem(system.request("GET", url, token), 401, "identity.bad_token")


def test_a_role_that_was_taken_is_gone_in_every_process_within_a_second(
    system: System, other: GatewayProcess
) -> None:
    person, token = remembered(system, other, "admin")
    system.on("import", "template", {"content": ""})
    system.tokens[token] = Actor(person.user_id, person.organization_id, frozenset({"student"}))
    users = {"users": [{"id": str(person.user_id)}]}
    system.publish("identity", "user_updated", person.organization_id, users)
    url = f"{other.url}/api/v1/imports/template.csv"
    wait_until(lambda: system.request("GET", url, token).status_code == 403, 1, every=0.01)


def test_what_happens_to_others_costs_nothing(system: System, other: GatewayProcess) -> None:
    person, token = remembered(system, other, "admin")
    before = questions(system, token)
    stranger, _ = system.sign_in("admin")
    data = {"user_id": str(stranger.user_id), "login_id": None}
    system.publish("identity", "credentials_revoked", person.organization_id, data)
    assert system.request("GET", f"{other.url}/api/v1/me", token).ok
    assert questions(system, token) == before
