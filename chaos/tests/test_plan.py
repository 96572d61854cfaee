from __future__ import annotations

from itertools import accumulate, islice

from chaos.faults import KINDS
from chaos.plan import Round, each_once, mixtures

ALL = list(KINDS.values())


def described(rounds: list[Round]) -> list[list[tuple[str, str, float, int, float]]]:
    return [
        [
            (p.fault.kind.name, p.fault.target, p.fault.seconds, p.fault.seed, p.lead)
            for p in planned
        ]
        for planned in rounds
    ]


def some(seed: int, count: int = 150) -> list[Round]:
    return list(islice(mixtures(seed, ALL), count))


def within(seed: int, seconds: float) -> list[Round]:
    """The rounds that fit into that time, if each takes three seconds longer than its longest fault."""
    ends = accumulate(3 + max(one.lead + one.fault.seconds for one in r) for r in some(seed))
    return [planned for planned, end in zip(some(seed), ends, strict=True) if end <= seconds]


def test_a_seed_gives_the_same_faults_again() -> None:
    assert described(some(5)) == described(some(5))


def test_another_seed_gives_others() -> None:
    assert described(some(5)) != described(some(6))


def test_two_faults_of_a_round_never_hit_the_same_thing() -> None:
    for planned in some(1):
        hit = [name for one in planned for name in one.fault.hits]
        assert len(hit) == len(set(hit))
        assert not set(hit) & {name for one in planned for name in one.fault.needs}


def test_some_rounds_have_one_fault_and_some_several() -> None:
    sizes = {len(planned) for planned in some(1)}
    assert {1, 2, 3} <= sizes


def test_every_kind_comes_within_a_run_of_twenty_minutes() -> None:
    for seed in range(5):
        found = {one.fault.kind.name for planned in within(seed, 20 * 60) for one in planned}
        assert found == set(KINDS)


def test_nothing_that_was_drawn_is_forgotten() -> None:
    """What can't be in a round with the others comes in a later one."""
    heavy = [kind for kind in ALL if kind.name in ("broker-kill", "broker-restart", "kill")]
    names = [one.fault.kind.name for planned in islice(mixtures(3, heavy), 200) for one in planned]
    share = names.count("broker-kill") / len(names)
    assert 0.08 < share < 0.17


def test_each_once_has_every_kind_and_kills_and_freezes_each_service() -> None:
    planned = [one.fault for round_ in each_once(1, ALL) for one in round_]
    for kind in ALL:
        targets = [fault.target for fault in planned if fault.kind is kind]
        if kind.each_target:
            assert {target for target in targets if target != "gateway"} == {
                "identity.1",
                "assignment.1",
                "booking.1",
                "messaging.1",
                "import.1",
            }
            assert ("gateway" in targets) == ("gateway" in kind.targets)
        else:
            assert len(targets) == 1


def test_when_all_come_once_the_servers_die_alone() -> None:
    alone = {round_[0].fault.kind.name for round_ in each_once(1, ALL) if len(round_) == 1}
    assert alone >= {"broker-kill", "database-kill"}


def test_faults_last_as_long_as_their_kind_allows() -> None:
    for planned in some(2):
        for one in planned:
            shortest, longest = one.fault.kind.seconds
            assert shortest <= one.fault.seconds <= longest


def test_when_all_come_once_every_service_stands_still_at_once_for_longer_than_its_heartbeats() -> (
    None
):
    rounds = list(each_once(1, ALL))
    (frozen,) = [r for r in rounds if any(one.fault.kind.name == "freeze-long" for one in r)]
    assert sorted(one.fault.target for one in frozen if one.fault.seconds > 30) == [
        "assignment.1",
        "booking.1",
        "identity.1",
        "import.1",
        "messaging.1",
    ]


def test_when_all_come_once_what_lasts_long_shares_rounds() -> None:
    longest = [max(one.fault.seconds for one in planned) for planned in each_once(1, ALL)]
    assert sum(seconds for seconds in longest if seconds > 10) < 60
