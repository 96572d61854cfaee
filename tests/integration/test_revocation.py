"""Revoked means refused by every process within a second, by event: these gateways remember tokens for a minute."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests

from chassis.testing import wait_until
from chassis.testing.mailbox import Mailbox
from chassis.testing.processes import free_port
from gateway.testing import GatewayProcess
from gateway.tokens import TRUST_SECONDS

from .client import PASSWORD, Api, Organization, Person, expect, sign_in
from .system import RunningSystem

NEW_PASSWORD = "a quite different secret"  # nosec B105 # made up for a test
VERIFIED = re.compile(
    r'tandem_rpc_called_seconds_count\{[^}]*method="verify_token"[^}]*\} ([0-9.]+)'
)


@pytest.fixture(scope="module")
def gateways(shared_system: RunningSystem) -> Iterator[list[GatewayProcess]]:
    """Two more processes, beside every service's two."""
    environ = shared_system.gateway_environment()
    with ExitStack() as stack:
        processes = []
        for _ in range(2):
            own = {"PORT": str(free_port()), "TOKEN_CACHE_SECONDS": "60"}  # nosec B105 # made up for a test
            process = started({**environ, **own})
            stack.callback(process.stop)
            processes.append(process)
        for process in processes:
            process.await_alive()
        yield processes


def started(environ: dict[str, str]) -> GatewayProcess:
    process = GatewayProcess(environ.pop("AMQP_URL"), **environ)
    process.url = f"http://127.0.0.1:{environ['PORT']}"
    return process


def questions(gateway: GatewayProcess) -> float:
    """How often the process has asked identity about tokens."""
    text = requests.get(f"{gateway.url}/metrics", timeout=10).text
    return sum(float(count) for count in VERIFIED.findall(text))


def remember(gateways: list[GatewayProcess], token: str) -> list[Api]:
    """The API at each process, which does not ask about the token any more."""
    apis = [Api(gateway.url, token) for gateway in gateways]
    began = time.monotonic()
    while time.monotonic() < began + TRUST_SECONDS:
        assert [api.get("/me").status for api in apis] == [200, 200]
    before = [questions(gateway) for gateway in gateways]
    began = time.monotonic()
    while time.monotonic() < began + TRUST_SECONDS + 0.4:
        assert [api.get("/me").status for api in apis] == [200, 200]
    assert [questions(gateway) for gateway in gateways] == before
    return apis


def refused_everywhere_within_a_second(apis: list[Api], did: Callable[[], None]) -> None:
    did()
    wait_until(lambda: {api.get("/me").status for api in apis} == {401}, 1, every=0.02)


def log_out(person: Person, here: Api, _mailbox: Mailbox) -> None:
    expect(204, here.post("/auth/logout"))


def be_archived(person: Person, _here: Api, _mailbox: Mailbox) -> None:
    expect(200, person.organization.admin.post(f"/users/{person.id}/archive"))


def change_password_elsewhere(person: Person, _here: Api, _mailbox: Mailbox) -> None:
    body = {"password": NEW_PASSWORD, "current_password": PASSWORD}
    expect(200, sign_in(person.organization.url, person.email).patch("/me", body))


def reset_password(person: Person, _here: Api, mailbox: Mailbox) -> None:
    anybody = Api(person.organization.url)
    expect(202, anybody.post("/auth/forgot-password", {"login": person.email}))
    body = {"token": mailbox.token_for(person.email), "password": NEW_PASSWORD}
    expect(204, anybody.post("/auth/reset-password", body))


@pytest.mark.parametrize(
    "end",
    [log_out, be_archived, change_password_elsewhere, reset_password],
    ids=lambda e: e.__name__,
)
def test_a_stolen_token_is_refused_everywhere_a_second_after_its_login_ended(
    shared_system: RunningSystem,
    organization: Organization,
    gateways: list[GatewayProcess],
    end: Callable[[Person, Api, Mailbox], None],
) -> None:
    person = organization.add_student(can_sign_in=True)
    token = person.api.token
    assert token is not None
    mailbox = Mailbox(shared_system.run_dir / "mail")
    here, there = remember(gateways, token)
    everywhere = [here, there, person.api]
    refused_everywhere_within_a_second(everywhere, lambda: end(person, here, mailbox))


def test_a_role_that_was_taken_is_gone_everywhere_a_second_later(
    organization: Organization, gateways: list[GatewayProcess]
) -> None:
    person = organization.add_person("admin", can_sign_in=True)
    token = person.api.token
    assert token is not None
    apis = remember(gateways, token)
    assert [api.get("/imports/template.csv").status for api in apis] == [200, 200]
    expect(200, organization.admin.patch(f"/users/{person.id}", {"roles": ["student"]}))
    wait_until(
        lambda: {api.get("/imports/template.csv").status for api in apis} == {403}, 1, every=0.02
    )


def test_a_refresh_token_used_again_ends_its_login_everywhere_within_a_second(
    organization: Organization, gateways: list[GatewayProcess]
) -> None:
    anybody = Api(organization.url)
    apis = remember(gateways, organization.owner_token)
    body = {"refresh_token": organization.refresh_token}
    expect(200, anybody.post("/auth/refresh", body))

    def use_again() -> None:
        expect(401, anybody.post("/auth/refresh", body))

    refused_everywhere_within_a_second(apis, use_again)
