"""What the clients of a crowd do: a class each, with plain values only."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from bench.crowd import Step
from bench.http import Connection
from bench.rpc import Caller
from bench.world import API
from chassis.context import Actor

FIRST_HOUR = datetime(2030, 1, 1, tzinfo=UTC)


def booking(instructor_id: str, student_id: str, hour: int) -> dict[str, object]:
    """A booking form."""
    return {
        "instructor_id": instructor_id,
        "student_id": student_id,
        "starts_at": (FIRST_HOUR + timedelta(hours=hour)).isoformat(),
        "duration_minutes": 60,
    }


@dataclass(frozen=True)
class Authorize:
    """`assignment.authorize` by RPC for pairs from all over the table."""

    amqp_url: str
    actor: Actor
    pairs: list[tuple[str, str]] = field(repr=False)

    def client(self, number: int) -> Step:
        """Each client begins at another pair."""
        caller = Caller(self.amqp_url, self.actor)
        shuffled = random.Random(number).sample(self.pairs, len(self.pairs))  # nosec B311 # chance, no secret
        pairs = itertools.cycle(shuffled)

        def ask() -> bool:
            instructor_id, student_id = next(pairs)
            answer = caller.call(
                "assignment", "authorize", instructor_id=instructor_id, student_id=student_id
            )
            return bool(answer["allowed"])

        return ask


@dataclass(frozen=True)
class BookKnownPairs:
    """An administrator books assigned pairs: each client has an instructor and students of its own."""

    url: str
    token: str
    instructors: list[str] = field(repr=False)
    students: list[list[str]] = field(repr=False)
    first_hour: int = 0

    def client(self, number: int) -> Step:
        """One hour after the other, the students in turn."""
        students = itertools.cycle(self.students[number])
        forms = (
            booking(self.instructors[number], student, self.first_hour + hour)
            for hour, student in enumerate(students)
        )
        return posting(Connection(self.url, self.token), f"{API}/sessions", forms)


@dataclass(frozen=True)
class BookNewPairs:
    """An administrator books a pair that has nothing to do with each other yet: way 2, waiting for the assignment."""

    url: str
    token: str
    instructors: list[str] = field(repr=False)
    students: list[str] = field(repr=False)

    def client(self, number: int) -> Step:
        """Each client books its instructor with every student once, at an hour that is free for both."""
        count = len(self.instructors)
        forms = (
            booking(self.instructors[number], student, place * count + number)
            for place, student in enumerate(self.students)
        )
        return posting(Connection(self.url, self.token), f"{API}/sessions", forms)


@dataclass(frozen=True)
class SendMessages:
    """Instructors write to their students: client n has its own conversation and its sender's token."""

    url: str
    tokens: list[str] = field(repr=False)
    conversations: list[str] = field(repr=False)

    def client(self, number: int) -> Step:
        """About a sentence each time."""
        path = f"{API}/conversations/{self.conversations[number]}/messages"
        bodies: Iterator[dict[str, object]] = (
            {"body": f"Chapter {n} for next week, please. " * 3} for n in itertools.count()
        )
        return posting(Connection(self.url, self.tokens[number]), path, bodies)


def posting(connection: Connection, path: str, forms: Iterator[dict[str, object]]) -> Step:
    """Posts the next form; any answer but 201 is a failure."""

    def post() -> bool:
        status, _ = connection.request("POST", path, json.dumps(next(forms)).encode())
        return status == 201

    return post


@dataclass(frozen=True)
class Search:
    """What people type into the search box: the beginning of a name or an address, whole, or with a letter missing."""

    url: str
    token: str
    words: list[str] = field(repr=False)

    def client(self, number: int) -> Step:
        """One search after the other."""
        connection = Connection(self.url, self.token)
        chance = random.Random(number)  # nosec B311 # chance, no secret

        def search() -> bool:
            typed = mistyped(chance.choice(self.words), chance)
            status, _ = connection.request("GET", f"{API}/users?limit=10&q={quote(typed)}")
            return status == 200

        return search


def mistyped(word: str, chance: random.Random) -> str:
    """A third each: the first letters, all of it, all of it but one letter."""
    match chance.randrange(3):
        case 0:
            return word[: chance.randint(2, 5)]
        case 1:
            return word
        case _:
            place = chance.randrange(1, min(len(word), 8))
            return word[:place] + word[place + 1 :]
