"""What relay, consumer and operations decide, as pure functions: no database, no bus, no clock.

The simulation of the core (`simulation/`) runs these very functions over an in-memory store and broker, so whoever
changes a rule here has it tried in a hundred thousand orders of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from chassis.errors import Conflict, Invalid, Unavailable

POLL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.01
LONGEST_POSTPONEMENT: Final = 60

# A dependency that is down comes back by itself, so that is worth about an hour; a bug is not.
PATIENT: Final = ("1s",) * 3 + ("5s",) * 6 + ("30s",) * 120
IMPATIENT: Final = ("1s", "5s", "30s", "30s")


class OfSubject(Protocol):
    """A row of an outbox."""

    @property
    def subject(self) -> str:
        """The aggregate, within which order is kept."""


class Waiting(OfSubject, Protocol):
    """An unsent row of an outbox."""

    @property
    def is_due(self) -> bool:
        """Whether its time has come."""


Row = TypeVar("Row", bound=Waiting)
Unsent = TypeVar("Unsent", bound=OfSubject)


def sendable(rows: Sequence[Row]) -> tuple[list[Row], set[str]]:
    """Rows up to the first of its subject that must wait, and the subjects that are held back by one.

    Order within a subject is worth the delay.
    """
    chosen: list[Row] = []
    held_back: set[str] = set()
    for row in rows:
        if not row.is_due:
            held_back.add(row.subject)
        if row.subject not in held_back:
            chosen.append(row)
    return chosen, held_back


def waves(rows: Iterable[Unsent]) -> list[list[Unsent]]:
    """The rows in groups that hold each subject once at most: first every subject's first, then every second, ...

    What is published together the broker takes or refuses one by one, so a subject's next row must not be on its way
    before the one in front of it was taken.
    """
    found: list[list[Unsent]] = []
    places: dict[str, int] = {}
    for row in rows:
        place = places.get(row.subject, 0)
        places[row.subject] = place + 1
        if place == len(found):
            found.append([])
        found[place].append(row)
    return found


def seconds_until_next_try(attempts: int) -> int:
    """How long an event that the broker would not take waits, after so many attempts before this one."""
    return int(min(2 ** min(attempts, 16), LONGEST_POSTPONEMENT))


def seconds_until_next_batch(*, found: int, locked: int, rows: int, batch: int) -> float:
    """How long a relay waits after a batch, 0 for not at all.

    Of `found` subjects with something due it could lock some; another relay is at the others. What is committed from
    now on wakes the relay; what does not fit into a batch needs another at once.
    """
    if locked < found:
        # Rows may have come behind the back of the relay that is at them.
        return RETRY_SECONDS
    return 0.0 if rows >= batch else POLL_SECONDS


@dataclass(frozen=True, slots=True)
class Tries:
    """How often an event was tried in vain; `failures` are those tries at which everything needed did answer.

    They are counted apart: an hour's outage must not use up the few tries that a failure of another kind is worth.
    """

    attempts: int = 0
    failures: int = 0

    def after(self, error: BaseException | None) -> Tries:
        """With one more, which ended with `error` (None: it can't be read)."""
        is_failure = not isinstance(error, Unavailable)
        return Tries(self.attempts + 1, self.failures + is_failure)

    def delay(self, error: BaseException | None) -> str | None:
        """After which delay it is tried again; None to give it up. `error` is that of the last of these tries."""
        if error is None:
            return None
        if isinstance(error, Unavailable):
            return after(PATIENT, self.attempts - self.failures)
        return after(IMPATIENT, self.failures)


def after(delays: Sequence[str], tries: int) -> str | None:
    """The delay after so many tries, None after the last."""
    return delays[tries - 1] if tries <= len(delays) else None


def was_done_before(*, is_free: bool, known: str | None, wanted: str) -> bool:
    """Whether an operation's result is stored: `known` is the fingerprint that it was stored with, if any.

    Raises Conflict `idempotency.in_progress` while the first request holds the operation, and Invalid
    `idempotency.key_reused` for another fingerprint than the one that was done.
    """
    if not is_free:
        raise Conflict("idempotency.in_progress", "The first request with this key still runs.")
    if known is None:
        return False
    if known != wanted:
        raise Invalid(
            "idempotency.key_reused", "This Idempotency-Key was used with another request."
        )
    return True
