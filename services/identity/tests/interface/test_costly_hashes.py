"""Hashes are costly: nobody else waits for them, and nobody has all places of those who do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from chassis.errors import Unavailable
from chassis.testing import ServiceProcess, wait_until

from .conftest import ADDRESSES, PASSWORD, SETTINGS, email, outcome, sign_up

pytestmark = pytest.mark.usefixtures("alone")

# A fifth of a second for a hash, and much more on a busy machine.
COSTLY = {"ARGON2_MEMORY_KIB": "65536", "ARGON2_PASSES": "3"}
# So long that no crowd here takes it.
LONG = 90.0
WORKERS, PLACES = 2, 12
TOO_MANY, BUSY = "identity.too_many_attempts", "identity.busy"


@pytest.fixture(scope="module")
def slow() -> Iterator[ServiceProcess]:
    """Few workers, and hashes that take long."""
    few = {"RPC_WORKERS": str(WORKERS), "HASH_PLACES": str(PLACES)}
    with ServiceProcess("identity_service", settings={**SETTINGS, **COSTLY, **few}) as process:
        yield process


class Crowd:
    """Sign-ins at the same time, each of a login that nobody has: one hash."""

    def __init__(self, service: ServiceProcess) -> None:
        self.outcomes: list[str] = []
        self._service = service
        self._threads: list[threading.Thread] = []

    def come(self, count: int, address: str = "", *, seconds: float = LONG) -> None:
        """So many more, each from an address of its own unless one is given."""
        for _ in range(count):
            asked = (address or next(ADDRESSES), seconds)
            self._threads.append(threading.Thread(target=self._sign_in, args=asked))
            self._threads[-1].start()

    def _sign_in(self, address: str, seconds: float) -> None:
        credentials = {"login": email(), "password": PASSWORD}
        self.outcomes.append(
            outcome(
                lambda: self._service.call(
                    "authenticate", address=address, seconds=seconds, **credentials
                )
            )
        )

    def wait(self) -> None:
        """Until all are answered."""
        for thread in self._threads:
            thread.join()


@pytest.fixture
def crowd(slow: ServiceProcess) -> Iterator[Crowd]:
    found = Crowd(slow)
    yield found
    found.wait()


def metric(service: ServiceProcess, name: str) -> float:
    """A metric's value now; 0 before its first."""
    lines = (service.http("/metrics") or "").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def wait_for_waiting(service: ServiceProcess, count: int) -> None:
    wait_until(lambda: metric(service, "tandem_hashes_waiting") >= count, LONG)


def comes_in(service: ServiceProcess, login: str) -> str:
    given = {"login": login, "password": PASSWORD, "address": next(ADDRESSES)}
    return outcome(lambda: service.call("authenticate", seconds=LONG, **given))


# Others


def test_tokens_are_verified_and_people_are_read_while_everybody_waits_for_a_hash(
    slow: ServiceProcess, crowd: Crowd
) -> None:
    organization = sign_up(slow)
    token = organization.signed_up["access_token"]
    crowd.come(PLACES + 4)
    wait_for_waiting(slow, PLACES - 6)
    for _ in range(20):
        slow.call("verify_token", access_token=token, seconds=LONG)
        user_id = organization.owner["id"]
        slow.call("get_user", actor=organization.actor(), user_id=user_id, seconds=LONG)
    assert metric(slow, "tandem_hashes_waiting") > 0
    crowd.wait()
    assert set(crowd.outcomes) <= {"identity.bad_credentials", BUSY}
    assert crowd.outcomes.count("identity.bad_credentials") >= PLACES - 2


def test_one_clients_crowd_is_refused_beyond_its_share_and_somebody_else_signs_in_past_it(
    slow: ServiceProcess, crowd: Crowd
) -> None:
    login = sign_up(slow).owner["email"]
    crowd.come(2 * PLACES, "192.0.2.1")
    wait_for_waiting(slow, PLACES // 2 - 1)
    began = time.monotonic()
    assert comes_in(slow, login) == "in"
    took = time.monotonic() - began
    assert metric(slow, "tandem_hashes_waiting") > 0, f"not within {took} seconds"
    crowd.wait()
    assert set(crowd.outcomes) == {"identity.bad_credentials", TOO_MANY}
    assert crowd.outcomes.count(TOO_MANY) >= PLACES


def test_when_all_places_are_held_whoever_comes_is_told_to_come_back(
    slow: ServiceProcess, crowd: Crowd
) -> None:
    crowd.come(2 * PLACES)
    wait_until(lambda: BUSY in crowd.outcomes, LONG)
    with pytest.raises(Unavailable, match=r"identity\.busy") as refused:
        slow.call("authenticate", login=email(), password=PASSWORD, address=next(ADDRESSES))
    assert refused.value.data == {"retry_after": 1}
    assert metric(slow, 'tandem_hashes_refused_total{reason="full"}') > 0


def test_one_account_from_many_addresses_holds_no_more_than_a_share(slow: ServiceProcess) -> None:
    organization = sign_up(slow)
    outcomes: list[str] = []

    def add() -> None:
        given = {"roles": ["student"], "first_name": "A", "last_name": "B", "email": email()}
        asked = {"actor": organization.actor(), "address": next(ADDRESSES), "seconds": LONG}
        outcomes.append(
            outcome(lambda: slow.call("create_user", **asked, **given, password=PASSWORD))
        )

    threads = [threading.Thread(target=add) for _ in range(2 * PLACES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {"in", TOO_MANY}
    assert outcomes.count(TOO_MANY) >= PLACES


def given_up(service: ServiceProcess) -> float:
    """Calls that came to their turn too late, or would have: how long a hash takes is learnt."""
    reasons = ("late", "full")
    return sum(metric(service, f'tandem_hashes_refused_total{{reason="{one}"}}') for one in reasons)


def test_what_can_not_be_in_time_is_not_hashed(slow: ServiceProcess, crowd: Crowd) -> None:
    before = given_up(slow)
    crowd.come(PLACES // 2)
    wait_for_waiting(slow, 4)
    crowd.come(2, seconds=0.3)
    crowd.wait()
    wait_until(lambda: given_up(slow) == before + 2, LONG)
    assert crowd.outcomes.count("identity.bad_credentials") == PLACES // 2


def test_a_kill_while_all_wait_leaves_nothing_behind(slow: ServiceProcess, crowd: Crowd) -> None:
    login = sign_up(slow).owner["email"]
    crowd.come(PLACES, seconds=3.0)
    wait_for_waiting(slow, 2)
    slow.kill()
    slow.start()
    crowd.wait()
    wait_until(lambda: comes_in(slow, login) == "in", LONG)
    wait_until(lambda: metric(slow, "tandem_hashes_waiting") == 0, LONG)
