"""What costs many hashes is slow and refused for whoever asks for it, and for nobody else."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from chassis.testing import wait_until

from .client import PASSWORD, Answer, Api, expect, sign_in, sign_up
from .system import RunningSystem

SECONDS = 8
CLASS = 30
Shot = Callable[[], Answer]
NUMBERS = itertools.count()


def from_(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def log_in(url: str, login: str, address: str) -> Answer:
    return Api(url).post(
        "/auth/login", {"login": login, "password": PASSWORD}, headers=from_(address)
    )


# Each prepares, and returns one request of an attacker from an address.


def sign_ins_in_ten_organizations(url: str, address: str) -> Shot:
    login = f"attacker.{uuid.uuid4().hex}@example.org"
    owner = {"first_name": "E", "last_name": "V", "email": login, "password": PASSWORD}
    for number in range(10):
        body = {"name": f"School {number}", "time_zone": "UTC", "owner": owner}
        expect(201, Api(url).post("/organizations", body, headers=from_("192.0.2.250")))
    return lambda: log_in(url, login, address)


def changes_of_ones_own_password(url: str, address: str) -> Shot:
    owner = sign_up(url).admin
    body = {"current_password": PASSWORD, "password": PASSWORD}
    return lambda: owner.patch("/me", body, headers=from_(address))


def new_people_with_passwords(url: str, address: str) -> Shot:
    admin = sign_up(url).admin

    def shot() -> Answer:
        person = {"roles": ["student"], "first_name": "S", "last_name": "T", "password": PASSWORD}
        return admin.post(
            "/users",
            {**person, "email": f"s{next(NUMBERS)}@example.org"},
            headers=from_(address),
        )

    return shot


@contextmanager
def firing(shot: Shot, per_second: float) -> Iterator[Counter[int]]:
    """Fires meanwhile, each shot at its time; the answers' statuses."""
    statuses: Counter[int] = Counter()
    stopped = threading.Event()

    def fire() -> None:
        statuses[shot().status] += 1

    def aim() -> None:
        while not stopped.wait(1 / per_second):
            gunners.submit(fire)

    with ThreadPoolExecutor(60) as gunners:
        aiming = threading.Thread(target=aim)
        aiming.start()
        try:
            yield statuses
        finally:
            stopped.set()
            aiming.join()


@pytest.mark.parametrize(
    ("attack", "per_second"),
    [
        (sign_ins_in_ten_organizations, 9),
        (changes_of_ones_own_password, 40),
        (new_people_with_passwords, 60),
    ],
)
def test_others_work_and_sign_in_while_one_client_has_hashes_made(
    guarded_system: RunningSystem, attack: Callable[[str, str], Shot], per_second: float
) -> None:
    url = guarded_system.url
    organization = sign_up(url)
    colleague = organization.add_instructor(can_sign_in=True)
    shot = attack(url, f"192.0.2.{200 + next(NUMBERS) % 40}")
    with firing(shot, per_second) as attackers:
        until = time.monotonic() + SECONDS
        answers = []
        while time.monotonic() < until:
            answers += [organization.admin.get("/users"), organization.admin.get("/me")]
            answers.append(log_in(url, colleague.email, "198.51.100.20"))
    assert {answer.status for answer in answers} == {200}
    assert attackers[429] > 0, "or it was no attack"


def test_a_class_signs_in_from_one_address_in_the_same_second(
    guarded_system: RunningSystem,
) -> None:
    url = guarded_system.url
    organization = sign_up(url)
    pupils = [organization.add_person("student", can_sign_in=True) for _ in range(CLASS)]
    with ThreadPoolExecutor(CLASS) as pool:
        answers = list(pool.map(lambda one: log_in(url, one.email, "198.51.100.30"), pupils))
    assert Counter(answer.status for answer in answers) == {200: CLASS}


def test_after_a_kill_in_the_middle_all_is_as_before(guarded_system: RunningSystem) -> None:
    url = guarded_system.url
    organization = sign_up(url)
    shot = sign_ins_in_ten_organizations(url, "192.0.2.245")
    with firing(shot, 9) as attackers:
        wait_until(lambda: attackers.total() > 0, 20)
        guarded_system.kill("identity.1")
    login = organization.owner.email
    wait_until(lambda: log_in(url, login, "198.51.100.40").status == 200, 30)
    expect(200, sign_in(url, login).get("/users"))
