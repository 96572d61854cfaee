"""What the crowd knows of the organizations it made: ids to work with, shared by all its threads."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

Known = TypeVar("Known")

# Of whatever there may be thousands of, work goes on with the newest.
REMEMBERED = 200

# How long the whole crowd prefers the same pair and the same hour.
HOT_SECONDS = 3.0

FIRST_HOUR = datetime(2031, 3, 3, tzinfo=UTC)
PAST_HOUR = datetime(2025, 1, 6, tzinfo=UTC)
SLOTS = 600
SLOT = timedelta(minutes=30)


@dataclass
class Person:
    """Somebody who can sign in, or is only worked with; tokens are of the latest login."""

    id: str
    email: str
    role: str
    access_token: str | None = None
    refresh_token: str | None = None
    signed_in_at: float = 0.0

    def sign_in(self, body: dict[str, Any]) -> None:
        """Takes the tokens of an answer."""
        self.access_token = body["access_token"]
        self.refresh_token = body["refresh_token"]
        self.signed_in_at = time.monotonic()


@dataclass(frozen=True)
class Pair:
    """An instructor and a student."""

    instructor_id: str
    student_id: str

    @property
    def body(self) -> dict[str, str]:
        """As requests name it."""
        return {"instructor_id": self.instructor_id, "student_id": self.student_id}

    @property
    def path(self) -> str:
        """Where it is assigned and ended."""
        return f"/students/{self.student_id}/instructors/{self.instructor_id}"


@dataclass(frozen=True)
class KnownSession:
    """A session that was booked."""

    id: str
    pair: Pair
    is_past: bool


@dataclass
class Organization:
    """One organization. Its `mark` is in every text that is written for it, and in no other's."""

    id: str
    mark: str
    owner: Person
    admins: list[Person] = field(default_factory=list)
    instructors: list[Person] = field(default_factory=list)
    students: list[Person] = field(default_factory=list)
    # Students who never sign in: made by way 1 and by uploads.
    others: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    sessions: deque[KnownSession] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    conversations: dict[Pair, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    imports: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    uploaded: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    past_hours: itertools.count[int] = field(default_factory=itertools.count)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def members(self) -> list[Person]:
        """Everybody who signs in."""
        return [self.owner, *self.admins, *self.instructors, *self.students]

    def text(self, words: str) -> str:
        """Words that tell whose they are."""
        return f"{words} {self.mark}"

    def pair(self, rng: random.Random) -> Pair:
        """A pair, often the one that everybody works on right now."""
        instructor, student = rng.choice(self.instructors), rng.choice(self.students)
        if rng.random() < 0.3:
            instructor, student = self._hot_people()
        return Pair(instructor.id, student.id)

    def wide_pair(self, rng: random.Random) -> Pair:
        """As `pair`, and also of students who never sign in."""
        others = self._some(self.others)
        if others and rng.random() < 0.4:
            return Pair(rng.choice(self.instructors).id, rng.choice(others))
        return self.pair(rng)

    def _hot_people(self) -> tuple[Person, Person]:
        bucket = random.Random(f"{self.mark} {int(time.time() / HOT_SECONDS)}")  # nosec B311 # chance, no secret
        return bucket.choice(self.instructors), bucket.choice(self.students)

    def hour(self, rng: random.Random) -> str:
        """The start of a session to come, often the one that everybody wants right now."""
        hot = SLOTS + 3 * (int(time.time() / HOT_SECONDS) % 20_000)
        number = hot if rng.random() < 0.3 else rng.randrange(SLOTS)
        return (FIRST_HOUR + number * SLOT).isoformat()

    def past_hour(self) -> str:
        """The start of a session that should have taken place; never the same again."""
        with self.lock:
            return (PAST_HOUR + next(self.past_hours) * 2 * SLOT).isoformat()

    def some_session(
        self, rng: random.Random, person: Person, *, past: bool = False
    ) -> KnownSession | None:
        """A known session; of somebody who is no administrator one of theirs."""
        mine = [
            session
            for session in self._some(self.sessions)
            if session.is_past == past
            and (
                person.role in {"owner", "admin"}
                or person.id in {session.pair.instructor_id, session.pair.student_id}
            )
        ]
        return rng.choice(mine) if mine else None

    def some_conversation(self, rng: random.Random, person: Person) -> str | None:
        """A known conversation of the person, often the one of the pair that everybody works on."""
        with self.lock:
            mine = {
                pair: known
                for pair, known in self.conversations.items()
                if person.role in {"owner", "admin"}
                or person.id in {pair.instructor_id, pair.student_id}
            }
        instructor, student = self._hot_people()
        hot = mine.get(Pair(instructor.id, student.id))
        if hot and rng.random() < 0.7:
            return hot
        return rng.choice(list(mine.values())) if mine else None

    def some(self, rng: random.Random, known: deque[str]) -> str | None:
        """One of what is known."""
        return rng.choice(found) if (found := self._some(known)) else None

    def _some(self, known: deque[Known]) -> list[Known]:
        with self.lock:
            return list(known)

    def learn(self, known: deque[Any], *new: Any) -> None:
        """Remembers what was made."""
        with self.lock:
            known.extend(new)
