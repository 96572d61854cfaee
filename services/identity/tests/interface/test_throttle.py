"""Attempts slow down; nobody locks anybody else out; unknown logins are treated like known ones."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.errors import Forbidden, ServiceError
from chassis.testing import ServiceProcess

from .conftest import PASSWORD, SETTINGS, email, sign_up

# Slow enough that nothing comes back while a test runs.
SLOW = {
    "SIGN_IN_LOGIN_AT_ADDRESS_BURST": "5",
    "SIGN_IN_LOGIN_AT_ADDRESS_SECONDS": "600",
    "SIGN_IN_LOGIN_BURST": "12",
    "SIGN_IN_LOGIN_SECONDS": "600",
    "SIGN_IN_ADDRESS_BURST": "30",
    "SIGN_IN_ADDRESS_SECONDS": "600",
}

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def guarded() -> Iterator[ServiceProcess]:
    """A service of its own, which forgives little, with hashes that cost something."""
    costly = {**SETTINGS, "ARGON2_MEMORY_KIB": "8192"}
    with ServiceProcess("identity_service", settings={**costly, **SLOW}) as process:
        yield process


GUESSERS = "the guesser knows this one"  # nosec B105 # made up for a test


def attempt(
    service: ServiceProcess,
    login: str,
    password: str = "wrong",  # nosec B107 # made up for a test
    address: str = "192.0.2.1",
    **more: Any,
) -> str:
    given = {"login": login, "password": password, **more}
    try:
        service.call("authenticate", address=address, seconds=20.0, **given)
    except ServiceError as error:
        return error.code
    return "in"


def place() -> str:
    """An address that no other test uses."""
    number = uuid.uuid4().int
    return f"10.{number % 256}.{number // 256 % 256}.{number // 65536 % 256}"


WRONG, TOO_MANY = "identity.bad_credentials", "identity.too_many_attempts"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_login_at_an_address_is_refused_after_its_burst(
    guarded: ServiceProcess, is_known: bool
) -> None:
    login = sign_up(guarded).owner["email"] if is_known else email()
    address = place()
    outcomes = [attempt(guarded, login, address=address) for _ in range(8)]
    assert outcomes == [WRONG] * 5 + [TOO_MANY] * 3
    with pytest.raises(Forbidden) as refused:
        guarded.call("authenticate", login=login.upper(), password=PASSWORD, address=address)
    assert 0 < refused.value.data["retry_after"] <= 600


def test_an_attacker_elsewhere_does_not_lock_the_owner_out(guarded: ServiceProcess) -> None:
    login, home = sign_up(guarded).owner["email"], place()
    assert attempt(guarded, login, PASSWORD, home) == "in"
    outcomes = [attempt(guarded, login, address=place()) for _ in range(16)]
    assert outcomes == [WRONG] * 12 + [TOO_MANY] * 4
    assert attempt(guarded, login, PASSWORD, home) == "in"
    assert attempt(guarded, login, PASSWORD, place()) == TOO_MANY


def test_one_address_is_refused_after_its_burst_but_not_who_signs_in_there(
    guarded: ServiceProcess,
) -> None:
    login, address = sign_up(guarded).owner["email"], place()
    assert attempt(guarded, login, PASSWORD, address) == "in"
    outcomes = [attempt(guarded, email(), address=address) for _ in range(33)]
    assert outcomes == [WRONG] * 30 + [TOO_MANY] * 3
    assert attempt(guarded, login, PASSWORD, address) == "in"
    stranger = sign_up(guarded).owner["email"]
    assert attempt(guarded, stranger, PASSWORD, address) == TOO_MANY
    assert attempt(guarded, stranger, PASSWORD, place()) == "in"


def test_a_network_of_ipv6_addresses_counts_as_one(guarded: ServiceProcess) -> None:
    network = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"
    login = email()
    outcomes = [attempt(guarded, login, address=f"{network}::{n:x}") for n in range(1, 8)]
    assert outcomes == [WRONG] * 5 + [TOO_MANY] * 2


def test_signing_in_costs_nothing_and_forgives_what_was_before(guarded: ServiceProcess) -> None:
    login, address = sign_up(guarded).owner["email"], place()
    for _ in range(3):
        assert [attempt(guarded, login, address=address) for _ in range(4)] == [WRONG] * 4
        assert attempt(guarded, login, PASSWORD, address) == "in"
    assert {attempt(guarded, login, PASSWORD, address) for _ in range(8)} == {"in"}


def test_of_100_attempts_at_once_only_the_burst_is_looked_at(guarded: ServiceProcess) -> None:
    login, address = sign_up(guarded).owner["email"], place()
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda _: attempt(guarded, login, address=address), range(100)))
    assert outcomes.count(WRONG) == 5
    assert outcomes.count(TOO_MANY) == 95
    failed = [
        event.data["action"]
        for event in guarded.events("audit_recorded")
        if event.data["action"].startswith("sign_in.")
    ]
    assert failed.count("sign_in.throttled") <= 10, "one a minute and login, however many there are"


def test_choosing_an_organization_is_no_failure(guarded: ServiceProcess) -> None:
    login, address = email(), place()
    first = sign_up(guarded, email=login)
    sign_up(guarded, email=login)
    outcomes = {attempt(guarded, login, PASSWORD, address) for _ in range(8)}
    assert outcomes == {"identity.choose_organization"}
    answer = guarded.call(
        "authenticate", login=login, password=PASSWORD, address=address, organization=first.slug
    )
    assert answer["organization"]["slug"] == first.slug


@pytest.mark.parametrize("accounts", [1, 2])
@pytest.mark.parametrize("names_it", [True, False])
def test_an_account_of_ones_own_in_the_same_login_does_not_help_to_guess(
    guarded: ServiceProcess, accounts: int, *, names_it: bool
) -> None:
    login, address = email(), place()
    victim = sign_up(guarded, email=login)
    own = [sign_up(guarded, email=login, password=GUESSERS) for _ in range(accounts)]
    named = {"organization": own[0].slug} if names_it else {}
    outcomes = []
    for _ in range(8):
        attempt(guarded, login, GUESSERS, address, **named)
        outcomes.append(attempt(guarded, login, "a guess", address, organization=victim.slug))
    assert outcomes == [WRONG] * 5 + [TOO_MANY] * 3
    outcomes = []
    for _ in range(8):
        attempt(guarded, login, GUESSERS, address, **named)
        outcomes.append(attempt(guarded, login, "a guess", address))
    assert outcomes[-1] == TOO_MANY


def test_the_present_password_is_not_guessed_faster_where_one_is_changed(
    guarded: ServiceProcess,
) -> None:
    organization = sign_up(guarded)

    def change(current: str) -> str:
        try:
            guarded.call(
                "change_password",
                actor=organization.actor(),
                current_password=current,
                password="an entirely new secret",  # nosec B106 # made up for a test
            )
        except ServiceError as error:
            return error.code
        return "changed"

    assert [change("wrong") for _ in range(6)] == [WRONG] * 5 + [TOO_MANY]
    assert change(PASSWORD) == TOO_MANY


def test_neither_logins_nor_addresses_are_kept(guarded: ServiceProcess) -> None:
    login, address = email(), place()
    attempt(guarded, login, address=address)
    kept = str(guarded.sql("SELECT encode(key, 'escape'), t.* FROM throttles AS t"))
    assert login not in kept
    assert address not in kept


CROWDED = "198.51.100.7"


def exhausted(service: ServiceProcess, logins: list[str]) -> bool:
    """Uses up the allowance of an address, at which then nobody's attempt is looked at."""
    for _ in range(40):
        attempt(service, email(), address=CROWDED)
    return {attempt(service, login, address=CROWDED) for login in logins} == {TOO_MANY}


def seconds_of(service: ServiceProcess, login: str, address: str) -> float:
    started = time.perf_counter()
    attempt(service, login, address=address)
    return time.perf_counter() - started


@pytest.mark.parametrize("is_throttled", [False, True])
def test_the_time_of_a_refusal_does_not_tell_who_exists(
    guarded: ServiceProcess, is_throttled: bool
) -> None:
    organization = sign_up(guarded)
    archived = organization.add("student", password=PASSWORD)
    guarded.call("archive_user", actor=organization.actor(), user_id=archived["id"])
    logins = {
        "known": [sign_up(guarded).owner["email"] for _ in range(6)],
        "unknown": [email() for _ in range(6)],
        "archived": [archived["email"]],
        "invited": [organization.add("student")["email"]],
    }
    if is_throttled:
        assert exhausted(guarded, [name for names in logins.values() for name in names])
    times: dict[str, list[float]] = {kind: [] for kind in logins}
    for number in range(24):
        for kind, names in logins.items():
            if not is_throttled:
                guarded.sql("DELETE FROM throttles")
            times[kind].append(seconds_of(guarded, names[number % len(names)], CROWDED))
    medians = {kind: statistics.median(found) for kind, found in times.items()}
    assert max(medians.values()) < 1.6 * min(medians.values()) + 0.002, medians


@dataclass
class Model:
    """The rule in plain words: an allowance is whole at `free_at`, and each attempt moves that by its pace."""

    burst: int
    seconds: float
    free_at: float = 0.0

    def wait(self, now: float) -> float:
        return self.free_at - now - (self.burst - 1) * self.seconds

    def take(self, now: float) -> None:
        self.free_at = max(self.free_at, now) + self.seconds


START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def connection(guarded: ServiceProcess) -> Iterator[Any]:
    found = psycopg2.connect(guarded.database.application)
    yield found
    found.close()


@given(
    bursts=st.lists(st.integers(1, 6), min_size=3, max_size=3),
    paces=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    pauses=st.lists(st.integers(0, 12), max_size=25),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_counts_by_the_rule(
    connection: Any, bursts: list[int], paces: list[int], pauses: list[int]
) -> None:
    models = [Model(burst, float(pace)) for burst, pace in zip(bursts, paces, strict=True)]
    keys = [uuid.uuid4().bytes for _ in models]
    now, passed = 0.0, 0
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.system', 'on', true)")
        for pause in pauses:
            now += pause
            expected = max(0.0, *(model.wait(now) for model in models))
            cursor.execute(
                "SELECT wait FROM take_attempt(%s::bytea[], %s::float8[], %s::float8[], '30 days', %s)",
                (
                    keys,
                    [model.seconds for model in models],
                    [(model.burst - 1) * model.seconds for model in models],
                    START + timedelta(seconds=now),
                ),
            )
            (wait,) = cursor.fetchone()
            assert abs(wait - expected) < 0.001
            if expected == 0:
                passed += 1
                for model in models:
                    model.take(now)
    most = min(b + now / p for b, p in zip(bursts, paces, strict=True))
    assert passed <= most, "never more than the burst and what came back since"
