"""How long a token is trusted, and what ends that at once."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.context import Actor
from chassis.events import Event
from chassis.testing import actor
from gateway.tokens import REVOCATION_SECONDS, TRUST_SECONDS, TokenCache

A_MOMENT = 0.01


class Clock:
    """The time, as far as the cache knows."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Process:
    """A cache, and the ear's part of it."""

    def __init__(self, seconds: float = 60, entries: int = 10) -> None:
        self.clock = Clock()
        self.cache = TokenCache(seconds, entries, self.clock)

    def verify(self, token: str, person: Actor, *, took: float = 0, lives: float = 900) -> None:
        self.cache.put(
            token, person, asked_at=self.clock.now - took, expires_at=time.time() + lives
        )

    def pass_time(self, seconds: float, *, hearing: bool = True) -> None:
        self.clock.now += seconds
        if hearing:
            self.cache.heard_until(self.clock.now)


def event(name: str, data: dict[str, Any]) -> Event:
    return Event(
        id=uuid.uuid4(),
        source="identity",
        name=name,
        time=datetime.now(UTC),
        subject="x",
        organization_id=uuid.uuid4(),
        data=data,
    )


def test_a_token_is_remembered_for_its_time_while_revocations_are_heard() -> None:
    process, person = Process(seconds=60), actor("admin")
    process.verify("t", person)
    process.pass_time(59.9)
    assert process.cache.get("t") == person
    process.pass_time(0.2)
    assert process.cache.get("t") is None


def test_a_process_that_hears_nothing_trusts_a_token_for_less_than_a_second() -> None:
    process, person = Process(seconds=60), actor("admin")
    process.verify("t", person)
    process.pass_time(TRUST_SECONDS - A_MOMENT, hearing=False)
    assert process.cache.get("t") == person
    process.pass_time(2 * A_MOMENT, hearing=False)
    assert process.cache.get("t") is None
    assert TRUST_SECONDS < 1


def test_the_time_that_identity_took_to_answer_counts() -> None:
    process = Process(seconds=60)
    process.verify("t", actor("admin"), took=TRUST_SECONDS)
    assert process.cache.get("t") is None


def test_a_token_is_never_remembered_beyond_its_end() -> None:
    process = Process()
    process.verify("t", actor("admin"), lives=-1)
    assert process.cache.get("t") is None


def test_only_the_latest_tokens_are_remembered() -> None:
    process = Process(entries=2)
    for token in ("a", "b", "c"):
        process.verify(token, actor("admin"))
    assert [process.cache.get(token) is None for token in ("a", "b", "c")] == [True, False, False]


@pytest.mark.parametrize(
    "name", ["credentials_revoked", "user_updated", "user_archived", "user_erased"]
)
def test_what_identity_tells_of_a_person_ends_the_trust_in_all_of_the_persons_tokens(
    name: str,
) -> None:
    process, person, other = Process(), actor("admin"), actor("admin")
    for token, who in (("a", person), ("b", person), ("c", other)):
        process.verify(token, who)
    one = {"user_id": str(person.user_id), "login_id": None}
    process.cache.tell(
        event(name, one if name == "credentials_revoked" else {"users": [{"id": one["user_id"]}]})
    )
    assert process.cache.get("a") is process.cache.get("b") is None
    assert process.cache.get("c") == other


def test_an_answer_from_before_the_revocation_is_not_remembered() -> None:
    process, person = Process(), actor("admin")
    process.pass_time(1)
    process.cache.forget_user(person.user_id)
    process.pass_time(0.1)
    process.verify("t", person, took=0.2)
    assert process.cache.get("t") is None
    process.verify("t", person, took=0.05)
    assert process.cache.get("t") == person


def test_revocations_are_not_remembered_for_ever() -> None:
    process = Process()
    for _ in range(100):
        process.cache.forget_user(uuid.uuid4())
        process.pass_time(REVOCATION_SECONDS / 10)
    assert len(process.cache._revoked) < 15


def test_after_events_may_have_been_missed_everything_is_asked_anew() -> None:
    process, person = Process(), actor("admin")
    process.verify("t", person)
    process.pass_time(0.1)
    process.cache.forget_all()
    assert process.cache.get("t") is None
    process.verify("t", person, took=0.05)
    assert process.cache.get("t") is None
    process.pass_time(0.1)
    process.verify("t", person, took=0.05)
    assert process.cache.get("t") == person
