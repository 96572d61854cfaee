"""Places and turns for hashes: bounded, shared, and in turn."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context
from chassis.context import CallContext
from chassis.errors import Forbidden, ServiceError, Unavailable
from identity_service.domain.hash_budgets import Budget, Budgets
from identity_service.domain.hash_queue import HashQueue, NoPlace, Reason, Ticket, Turn
from identity_service.domain.passwords import HashCost, Passwords
from identity_service.domain.throttle import Throttle
from identity_service.use_cases.hashing import Hashing, Noted

PLENTY = Budget(1e9, 1e9)
PLACES = 16
ADA, BEN, EVE = b"ada", b"ben", b"eve"


def enter(
    of: HashQueue,
    client: bytes,
    accounts: Sequence[bytes] = (),
    hashes: int = 1,
    now: float = 0.0,
    deadline: float = 1e6,
) -> Ticket:
    return of.enter(client, accounts, hashes, now=now, deadline=deadline)


def queue(*, at_once: int = 2, places: int = PLACES, budget: Budget = PLENTY) -> HashQueue:
    return HashQueue(Budgets(budget), at_once=at_once, places=places)


def as_many_as_get_in(
    of: HashQueue, client: bytes, *accounts: bytes, now: float = 0.0
) -> list[Ticket]:
    """Enters until refused."""
    got: list[Ticket] = []
    try:
        while True:
            got.append(enter(of, client, accounts, now=now))
    except NoPlace:
        return got


# Places


def test_one_client_alone_holds_half_of_the_places_and_a_second_a_third_of_them() -> None:
    hashes = queue(places=128)
    assert len(as_many_as_get_in(hashes, EVE)) == 64
    assert len(as_many_as_get_in(hashes, ADA)) == 32


def test_a_class_gets_in_while_another_client_holds_all_it_may() -> None:
    hashes = queue(places=128)
    as_many_as_get_in(hashes, EVE)
    for pupil in range(30):
        enter(hashes, ADA, [b"pupil %d" % pupil])


def test_one_account_from_many_addresses_holds_no_more_than_one_client_may() -> None:
    hashes = queue(places=128)
    got = []
    for number in range(200):
        got += as_many_as_get_in(hashes, b"address %d" % number, EVE)
    assert len(got) == 64
    enter(hashes, ADA)


def test_a_refusal_says_whose_crowd_it_is() -> None:
    hashes = queue(places=3)
    enter(hashes, EVE)
    with pytest.raises(NoPlace) as own:
        enter(hashes, EVE)
    enter(hashes, ADA)
    with pytest.raises(NoPlace) as others:
        enter(hashes, BEN)
    assert (own.value.reason, others.value.reason) == (Reason.SHARE, Reason.FULL)
    assert own.value.wait > 0


def test_a_call_that_turns_out_to_need_more_has_it_counted_or_keeps_what_it_had() -> None:
    hashes = queue(places=30)
    ticket = enter(hashes, EVE)
    hashes.need(ticket, [ADA], 10, 0.0)
    assert ticket.held == 10
    other = enter(hashes, EVE)
    with pytest.raises(NoPlace):
        hashes.need(other, [], 10, 0.0)
    assert other.held == 1
    hashes.leave(ticket)
    hashes.need(other, [], 10, 0.0)
    assert other.held == 10


class Machine:
    """A queue, with who is in it."""

    def __init__(self, at_once: int, places: int) -> None:
        self.hashes = queue(at_once=at_once, places=places)
        self.at_once, self.places = at_once, places
        self.tickets: list[Ticket] = []
        self.turns: list[Turn] = []

    def step(self, kind: str, client: int, hashes: int) -> None:
        key = b"%d" % client
        if kind == "enter":
            self.enter(key, b"account %d" % (client % 2), hashes)
        elif kind == "line up" and self.tickets:
            turn = Turn(self.tickets[client % len(self.tickets)], lambda: None)
            self.turns.append(turn)
            self.hashes.line_up(turn)
        elif kind == "end" and self.turns:
            self.hashes.end(self.turns.pop(hashes % len(self.turns)), 0.0)
        elif kind == "leave" and self.tickets:
            ticket = self.tickets[client % len(self.tickets)]
            if all(turn.ticket is not ticket for turn in self.turns):
                self.tickets.remove(ticket)
                self.hashes.leave(ticket)
        self.hashes.call_up(0.0)

    def enter(self, client: bytes, account: bytes, hashes: int) -> None:
        held = Counter[bytes]()
        for ticket in self.tickets:
            held[ticket.client] += ticket.held
            for one in ticket.accounts:
                held[one] += ticket.held
        free = self.places - sum(ticket.held for ticket in self.tickets)
        fits = max(held[client], held[account]) + hashes <= free - hashes
        try:
            self.tickets.append(enter(self.hashes, client, [account], hashes))
        except NoPlace:
            assert not fits
        else:
            assert fits

    def check(self) -> None:
        running = [turn for turn in self.turns if turn.runs_since is not None]
        each = Counter(turn.ticket.client for turn in running)
        assert sum(ticket.held for ticket in self.tickets) <= self.places
        assert all(ticket.held >= 1 for ticket in self.tickets)
        assert len(running) == self.hashes.running <= self.at_once
        assert max(each.values(), default=0) <= max(1, self.at_once - 1)
        waiting = {turn.ticket.client for turn in self.turns if turn.runs_since is None}
        if len(running) < self.at_once:
            assert all(each[client] >= max(1, self.at_once - 1) for client in waiting)


KINDS = st.sampled_from(["enter", "enter", "line up", "line up", "end", "leave"])


@given(
    st.integers(1, 4),
    st.integers(2, 24),
    st.lists(st.tuples(KINDS, st.integers(0, 4), st.integers(1, 4)), max_size=80),
)
def test_whatever_happens_the_bounds_hold_and_no_turn_is_left_unused(
    at_once: int, places: int, steps: list[tuple[str, int, int]]
) -> None:
    machine = Machine(at_once, places)
    for step in steps:
        machine.step(*step)
        machine.check()
    for turn in machine.turns:
        machine.hashes.end(turn, 0.0)
    for ticket in machine.tickets:
        machine.hashes.leave(ticket)
    assert (machine.hashes.running, machine.hashes.waiting) == (0, 0)
    assert len(as_many_as_get_in(machine.hashes, EVE)) == places // 2


# Turns


def lined_up(
    hashes: HashQueue, client: bytes, count: int, order: list[bytes], deadline: float = 1e6
) -> list[Turn]:
    """Hashes of one call in the line; `order` is filled as they are woken."""
    ticket = enter(hashes, client, [], count, deadline=deadline)
    turns = [Turn(ticket, lambda: order.append(client)) for _ in range(count)]
    for turn in turns:
        hashes.line_up(turn)
    return turns


def test_turns_go_round_the_clients() -> None:
    hashes, order = queue(at_once=1, places=60), list[bytes]()
    turns = [turn for client in (EVE, ADA, BEN) for turn in lined_up(hashes, client, 5, order)]
    hashes.call_up(0.0)
    for _ in range(14):
        hashes.end(next(turn for turn in turns if turn.runs_since is not None), 0.0)
        hashes.call_up(0.0)
    assert order == [EVE, ADA, BEN] * 5


def test_somebody_elses_hash_never_waits_behind_one_clients_crowd() -> None:
    hashes, order = queue(places=100), list[bytes]()
    lined_up(hashes, EVE, 30, order)
    hashes.call_up(0.0)
    assert order == [EVE]
    lined_up(hashes, ADA, 1, order)
    hashes.call_up(0.0)
    assert order == [EVE, ADA]


def test_whose_deadline_has_passed_is_told_so_and_costs_nothing() -> None:
    hashes, order = queue(at_once=1, budget=Budget(5, 1e-9)), list[bytes]()
    (late,) = lined_up(hashes, EVE, 1, order, deadline=1.0)
    (there,) = lined_up(hashes, EVE, 1, order)
    hashes.call_up(2.0)
    assert order == [EVE, EVE]
    assert late.runs_since is None
    assert there.runs_since is not None
    hashes.end(late, 0.0)
    hashes.leave(late.ticket)
    hashes.end(there, 0.0)
    hashes.leave(there.ticket)
    assert len(as_many_as_get_in(hashes, EVE, now=2.0)) == 4


def test_who_gives_up_waiting_is_passed_over() -> None:
    hashes, order = queue(at_once=1), list[bytes]()
    (first,) = lined_up(hashes, EVE, 1, order)
    hashes.call_up(0.0)
    (gone,) = lined_up(hashes, ADA, 1, order)
    lined_up(hashes, BEN, 1, order)
    hashes.end(gone, 0.0)
    hashes.end(first, 0.0)
    hashes.call_up(0.0)
    assert order == [EVE, BEN]


def test_a_clients_calls_are_finished_in_the_order_in_which_they_came() -> None:
    hashes, order = queue(at_once=1, places=60), list[int]()
    tickets = [enter(hashes, EVE, [], 3) for _ in range(3)]

    def line_up(number: int) -> Turn:
        turn = Turn(tickets[number], lambda: order.append(number))
        hashes.line_up(turn)
        return turn

    running = {number: line_up(number) for number in range(3)}
    hashes.call_up(0.0)
    while len(order) < 9:
        number = order[-1]
        hashes.end(running[number], 0.0)
        if order.count(number) < 3:
            running[number] = line_up(number)
        hashes.call_up(0.0)
    assert order == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def slow_queue(seconds: float, *, at_once: int) -> HashQueue:
    """One that has seen what a hash takes."""
    hashes = queue(at_once=at_once, places=120)
    for _ in range(90):
        turn = Turn(enter(hashes, ADA), lambda: None)
        hashes.line_up(turn)
        hashes.call_up(0.0)
        hashes.end(turn, seconds)
        hashes.leave(turn.ticket)
    return hashes


def test_nobody_is_let_in_behind_their_own_crowd_that_takes_longer_than_they_may() -> None:
    hashes, order = slow_queue(0.5, at_once=1), list[bytes]()
    lined_up(hashes, EVE, 10, order, deadline=4.5)
    with pytest.raises(NoPlace) as refused:
        enter(hashes, EVE, deadline=4.5)
    assert refused.value.reason is Reason.SHARE
    enter(hashes, EVE, deadline=9.0)
    enter(hashes, BEN, deadline=4.5)


def test_nobody_is_let_in_behind_so_many_others_that_their_turn_would_come_too_late() -> None:
    hashes, order = slow_queue(0.5, at_once=2), list[bytes]()
    for number in range(20):
        lined_up(hashes, b"client %d" % number, 1, order)
    with pytest.raises(NoPlace) as refused:
        enter(hashes, EVE, deadline=4.5)
    assert refused.value.reason is Reason.FULL
    enter(hashes, EVE, deadline=9.0)


def test_an_account_from_many_addresses_leaves_half_of_the_time_to_others() -> None:
    hashes, order = slow_queue(0.1, at_once=2), list[bytes]()

    def come(number: int) -> bool:
        try:
            ticket = enter(hashes, b"address %d" % number, [EVE], deadline=4.5)
        except NoPlace:
            return False
        hashes.line_up(Turn(ticket, lambda: order.append(EVE)))
        return True

    assert 30 < sum(come(number) for number in range(100)) < 40
    enter(hashes, ADA, deadline=4.5)


def test_who_comes_first_is_tried_however_slow_hashes_are() -> None:
    enter(slow_queue(1.0, at_once=2), EVE, [], 10, deadline=4.5)


# Budgets


def test_what_was_hashed_counts_for_client_and_account_until_time_brings_it_back() -> None:
    hashes = queue(at_once=1, budget=Budget(3, 0.5))
    for _ in range(3):
        ticket = enter(hashes, EVE, [ADA])
        turn = Turn(ticket, lambda: None)
        hashes.line_up(turn)
        hashes.call_up(0.0)
        hashes.end(turn, 0.0)
        hashes.leave(ticket)
    for who, accounts in ((EVE, []), (BEN, [ADA])):
        with pytest.raises(NoPlace) as refused:
            enter(hashes, who, accounts)
        assert (refused.value.reason, refused.value.wait) == (Reason.BUDGET, 2.0)
    enter(hashes, BEN)
    enter(hashes, EVE, now=2.0)


def test_who_waits_for_a_hash_has_it_reserved() -> None:
    hashes = queue(budget=Budget(3, 0.001), places=100)
    assert len(as_many_as_get_in(hashes, EVE)) == 3


def test_a_call_that_needs_more_than_there_ever_is_gets_it_when_all_has_come_back() -> None:
    hashes = queue(budget=Budget(3, 1), places=100)
    enter(hashes, EVE, [], 10)


@given(st.integers(1, 20), st.floats(0.1, 9), st.lists(st.floats(0, 30), max_size=60))
def test_nobody_has_more_than_the_burst_and_what_came_back_since(
    burst: int, pace: float, pauses: list[float]
) -> None:
    budgets, now, had = Budgets(Budget(burst, pace)), 0.0, 0
    for pause in pauses:
        now += pause
        if budgets.wait(EVE, 1, 0, now) == 0:
            budgets.take(EVE, now)
            had += 1
        assert had <= burst + pace * now + 1e-6


def test_many_addresses_do_not_make_it_grow() -> None:
    budgets = Budgets(Budget(600, 10), most_keys=100)
    for number in range(10_000):
        budgets.take(b"%d" % number, 0.0)
    assert len(budgets) == 100
    budgets.take(EVE, 60.0)
    assert len(budgets) == 1


# With threads


def hashing(offload: Callable[..., Any], *, at_once: int = 2, places: int = 100) -> Hashing:
    passwords = Passwords(HashCost(memory_kib=64, passes=1), offload)
    return Hashing(passwords, queue(at_once=at_once, places=places), Throttle(b"s" * 32))


def in_calls(
    work: Callable[[int], Any], addresses: Sequence[str], seconds: float = 5.0
) -> list[Any]:
    """What becomes of a call from each address, all at once."""
    outcomes: list[Any] = []

    def call(number: int, address: str) -> None:
        with context.bound(CallContext(deadline=time.time() + seconds, address=address)):
            try:
                outcomes.append(work(number))
            except ServiceError as error:
                outcomes.append(error)

    threads = [threading.Thread(target=call, args=one) for one in enumerate(addresses)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class Slow:
    """Hashes that wait until `count` run at once; how many did at most."""

    def __init__(self, count: int) -> None:
        self.most = 0
        self._running, self._count = 0, count
        self._lock, self._gate = threading.Lock(), threading.Event()

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
            if self._running == self._count:
                self._gate.set()
        self._gate.wait(5)
        result = function(*arguments)
        with self._lock:
            self._running -= 1
        return result


@pytest.mark.parametrize(("addresses", "most"), [(("a", "b", "c", "d") * 2, 2), (("a",) * 8, 1)])
def test_no_more_hashes_run_at_once_than_allowed(addresses: tuple[str, ...], most: int) -> None:
    slow = Slow(most)
    costly = hashing(slow)

    def work(_: int) -> str:
        with costly.place() as place:
            return place.hash("a password")

    made = in_calls(work, addresses)
    assert all(str(one).startswith("$argon2id$") for one in made)
    assert slow.most == most


def test_who_may_not_have_a_hash_is_told_when_to_try_again() -> None:
    costly, inside = hashing(lambda function, *arguments: function(*arguments), places=3), []

    def enter(address: str) -> None:
        place = costly.place()
        with context.bound(CallContext(deadline=time.time() + 5, address=address)):
            place.__enter__()
        inside.append(place)

    enter("a")
    with pytest.raises(Forbidden, match=r"identity\.too_many_attempts") as own:
        enter("a")
    enter("b")
    with pytest.raises(Unavailable, match=r"identity\.busy") as others:
        enter("c")
    assert own.value.data["retry_after"] == others.value.data["retry_after"] == 1


def test_which_are_right_is_said_for_each() -> None:
    costly = hashing(lambda function, *arguments: function(*arguments))
    right, wrong = costly.passwords.hash("right"), costly.passwords.hash("wrong")

    def work(_: int) -> list[bool]:
        with costly.place() as place:
            place.need(4)
            return place.which_are_right("right", [wrong, right, None, right])

    assert in_calls(work, ["a"]) == [[False, True, False, True]]


def test_an_address_is_noted_once_a_minute_and_not_too_many_of_them() -> None:
    noted = Noted()
    assert [noted.is_new("a", now) for now in (0.0, 1.0, 59.0, 60.0, 61.0)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert sum(noted.is_new(f"address {n}", 62.0) for n in range(5_000)) == 999
