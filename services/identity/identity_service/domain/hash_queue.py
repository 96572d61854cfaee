"""Who may have passwords hashed, how many at once, and whose turn it is.

A hash is costly on purpose, so what is bounded is hashes, not requests. A call enters with as many hashes as it will
need, or is refused at once; then each of its hashes waits for a turn. Nobody, neither a client nor an account, may hold
more places than are left free: one alone half of them, two a third each, and there is one for whoever comes next. Nor
is anybody let in behind a crowd that would take longer than the call may. Turns go round the clients, for each in the
order in which its calls came, and no client has all hashes that run at once. Keys are whatever names a client or an
account.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from identity_service.domain.hash_budgets import Budgets

Key = bytes
# Until a place is free, at the pace of some ten hashes a second.
SOON = 1.0
# Of a call's time, what its hashes may be expected to take.
SHARE_OF_TIME = 0.8
# What a hash takes, until some have been seen, and how much each tells of the next.
USUAL_SECONDS = 0.05
WEIGHT = 0.2


class Reason(StrEnum):
    """Why a call may not have its hashes."""

    SHARE = "share"  # the client or the account holds as many places as are left, or as can be served in time
    BUDGET = "budget"  # the client or the account has had its hashes of this minute
    FULL = "full"  # others hold all places, or more than can be served in time


class NoPlace(Exception):
    """No hashes now; perhaps in `wait` seconds."""

    def __init__(self, reason: Reason, wait: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


@dataclass(slots=True, eq=False)
class Ticket:
    """A call's places: as many as it has hashes before it, and one until it leaves; good until `deadline`."""

    client: Key
    deadline: float
    number: int
    accounts: list[Key] = field(default_factory=list)
    held: int = 0

    @property
    def keys(self) -> list[Key]:
        """All who the places count for."""
        return [self.client, *self.accounts]


@dataclass(slots=True, eq=False)
class Turn:
    """A hash that waits for its turn. `wake` is called when that has come, or too late: then it does not run."""

    ticket: Ticket
    wake: Callable[[], None]
    runs_since: float | None = None


class HashQueue:
    """The places and the turns of one process. `now` never goes back; not thread-safe."""

    def __init__(self, budgets: Budgets, *, at_once: int = 2, places: int = 128) -> None:
        self._budgets = budgets
        self._at_once = at_once
        self._at_once_each = max(1, at_once - 1)
        self._places = self._free = places
        self._held: Counter[Key] = Counter()
        self._lines: OrderedDict[Key, list[Turn]] = OrderedDict()
        self._running: Counter[Key] = Counter()
        self._seconds = USUAL_SECONDS
        self._numbers = itertools.count()

    @property
    def waiting(self) -> int:
        """Hashes that wait for their turn."""
        return sum(map(len, self._lines.values()))

    @property
    def running(self) -> int:
        """Hashes that run."""
        return self._running.total()

    def enter(
        self, client: Key, accounts: Sequence[Key], hashes: int, *, now: float, deadline: float
    ) -> Ticket:
        """Places for a call's hashes; NoPlace if there are none for it."""
        ticket = Ticket(client, deadline, next(self._numbers))
        self.need(ticket, accounts, hashes, now)
        return ticket

    def need(self, ticket: Ticket, accounts: Sequence[Key], hashes: int, now: float) -> None:
        """The call needs so many hashes in all, for these accounts too; NoPlace leaves it what it has."""
        more = max(0, hashes - ticket.held)
        all_ = ticket.held + more
        counted = [(key, more) for key in ticket.keys] + [(key, all_) for key in accounts]
        self._require_share(counted, more, ticket.held)
        self._require_time(ticket, more, now)
        self._require_time_of_accounts(ticket, accounts, now)
        self._require_budget([*ticket.keys, *accounts], all_, ticket, now)
        ticket.accounts += accounts
        ticket.held += more
        self._free -= more
        for key, added in counted:
            self._held[key] += added

    def _require_share(self, counted: Sequence[tuple[Key, int]], more: int, own: int) -> None:
        left = self._free - more
        for key, added in counted:
            if added and self._held[key] + added > left:
                raise NoPlace(Reason.SHARE if self._held[key] > own else Reason.FULL, SOON)

    def _require_time(self, ticket: Ticket, more: int, now: float) -> None:
        """Whoever has nobody before them is tried, whatever their own hashes take."""
        before = self._held[ticket.client] - ticket.held
        seconds = self._seconds_behind(ticket.client, before, ticket.held + more)
        if seconds > (ticket.deadline - now) * SHARE_OF_TIME:
            raise NoPlace(Reason.SHARE if before else Reason.FULL, SOON)

    def _require_time_of_accounts(
        self, ticket: Ticket, accounts: Sequence[Key], now: float
    ) -> None:
        """An account's crowd from many addresses has each of their turns: it may take half as long as any crowd."""
        most = (ticket.deadline - now) * SHARE_OF_TIME / 2
        if any(self._held[key] * self._seconds / self._at_once > most for key in accounts):
            raise NoPlace(Reason.SHARE, SOON)

    def _seconds_behind(self, client: Key, before: int, hashes: int) -> float:
        """What others take first: `before` hashes of its client, and one of each other client for each turn."""
        others = self._places - self._free - self._held[client]
        between = min(others, len(self._lines) * (before + hashes))
        turns = max(before / self._at_once_each, (before + between) / self._at_once)
        return turns * self._seconds

    def _require_budget(self, keys: Sequence[Key], hashes: int, ticket: Ticket, now: float) -> None:
        """What others of the same key wait for is theirs."""
        own = dict.fromkeys(ticket.keys, ticket.held)
        waits = [
            self._budgets.wait(key, hashes, self._held[key] - own.get(key, 0), now) for key in keys
        ]
        if max(waits) > 0:
            raise NoPlace(Reason.BUDGET, max(waits))

    def leave(self, ticket: Ticket) -> None:
        """The call needs no hash any more."""
        self._give_back(ticket, ticket.held)

    def _give_back(self, ticket: Ticket, count: int) -> None:
        self._free += count
        ticket.held -= count
        for key in ticket.keys:
            self._held[key] -= count
            if not self._held[key]:
                del self._held[key]

    def line_up(self, turn: Turn) -> None:
        """Behind those of the client's calls that came before."""
        line = self._lines.setdefault(turn.ticket.client, [])
        bisect.insort(line, turn, key=lambda one: one.ticket.number)

    def call_up(self, now: float) -> None:
        """Wakes those whose turn it is, as many as may run, and whoever was found to be late among them."""
        while self.running < self._at_once and (turn := self._next()) is not None:
            if turn.ticket.deadline >= now:
                self._run(turn, now)
            turn.wake()

    def _next(self) -> Turn | None:
        for client, line in self._lines.items():
            if self._running[client] < self._at_once_each:
                turn = line.pop(0)
                self._keep_or_drop(client, line)
                return turn
        return None

    def _keep_or_drop(self, client: Key, line: list[Turn]) -> None:
        """Who had a turn is the last to have the next."""
        if line:
            self._lines.move_to_end(client)
        else:
            del self._lines[client]

    def _run(self, turn: Turn, now: float) -> None:
        turn.runs_since = now
        self._running[turn.ticket.client] += 1
        for key in turn.ticket.keys:
            self._budgets.take(key, now)

    def end(self, turn: Turn, now: float) -> None:
        """The hash is done, or its call gave up waiting for it. The last place stays the call's until it leaves."""
        client = turn.ticket.client
        if turn.runs_since is not None:
            self._seconds += WEIGHT * (now - turn.runs_since - self._seconds)
            turn.runs_since = None
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]
        elif turn in self._lines.get(client, ()):
            self._lines[client].remove(turn)
            if not self._lines[client]:
                del self._lines[client]
        if turn.ticket.held > 1:
            self._give_back(turn.ticket, 1)
