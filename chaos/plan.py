"""From a seed to faults: rounds of one to five that overlap and don't hit the same thing."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaos.faults import Fault, Kind

SIZES, SIZE_WEIGHTS = (1, 2, 3, 4, 5), (3, 3, 4, 4, 2)
LONGEST_LEAD = 1.5
MOST_AT_ONCE = 6
# What lasts longer shares rounds with its like when everything comes once: a round takes as long as its longest fault.
LONG_SECONDS = 10.0
# What has a round of its own when everything comes once: only a server's fault that comes alone is held to its target.
ALONE = ("broker-kill", "database-kill")


@dataclass(frozen=True)
class Planned:
    """A fault and how long after the round's beginning it strikes."""

    fault: Fault
    lead: float


Round = list[Planned]


def made(kind: Kind, random_: random.Random) -> Fault:
    """One fault of a kind."""
    return Fault(
        kind,
        random_.choice(kind.targets),
        round(random_.uniform(*kind.seconds), 2),
        random_.randrange(1_000_000),
    )


def mixtures(seed: int, kinds: Sequence[Kind]) -> Iterator[Round]:
    """Rounds without end, each kind as often as it weighs. The same for the same seed and kinds."""
    random_ = random.Random(f"faults {seed}")  # nosec B311 # chance, no secret
    deck = shuffled_decks(kinds, random_)
    kept: list[Fault] = []
    while True:
        size = random_.choices(SIZES, SIZE_WEIGHTS)[0]
        kept += [made(next(deck), random_) for _ in range(max(0, size - len(kept)))]
        chosen, kept = compatible(kept[:size]), [*left_over(kept[:size]), *kept[size:]]
        yield [Planned(fault, round(random_.uniform(0, LONGEST_LEAD), 2)) for fault in chosen]


def shuffled_decks(kinds: Sequence[Kind], random_: random.Random) -> Iterator[Kind]:
    """As from a pack of cards that is shuffled whenever it is used up, so that no kind is left out for long."""
    while True:
        deck = [kind for kind in kinds for _ in range(kind.weight)]
        random_.shuffle(deck)
        yield from deck


def compatible(faults: Sequence[Fault]) -> list[Fault]:
    """Those that hit nothing that one before them hits or needs, and need nothing that one hits."""
    hit: set[str] = set()
    needed: set[str] = set()
    chosen = []
    for fault in faults:
        if hit.isdisjoint(fault.hits | fault.needs) and needed.isdisjoint(fault.hits):
            hit |= fault.hits
            needed |= fault.needs
            chosen.append(fault)
    return chosen


def left_over(faults: Sequence[Fault]) -> list[Fault]:
    """The others."""
    chosen = compatible(faults)
    return [fault for fault in faults if fault not in chosen]


def each_once(seed: int, kinds: Iterable[Kind]) -> Iterator[Round]:
    """Every kind once, those of processes once for each; servers die alone, all else in as few rounds as possible."""
    random_ = random.Random(f"each {seed}")  # nosec B311 # chance, no secret
    waiting = [
        Fault(kind, target, kind.once_seconds or kind.seconds[0], random_.randrange(1_000_000))
        for kind in kinds
        for target in (one_of_each(kind) if kind.each_target else (random_.choice(kind.targets),))
    ]
    for fault in [fault for fault in waiting if fault.kind.name in ALONE]:
        waiting.remove(fault)
        yield [Planned(fault, 0.0)]
    yield from packed([fault for fault in waiting if fault.seconds <= LONG_SECONDS])
    yield from packed([fault for fault in waiting if fault.seconds > LONG_SECONDS])


def packed(waiting: Sequence[Fault]) -> Iterator[Round]:
    """All of them in rounds, each filled with the first that go together."""
    while waiting:
        chosen = compatible(waiting)[:MOST_AT_ONCE]
        waiting = [fault for fault in waiting if fault not in chosen]
        yield [Planned(fault, 0.0) for fault in chosen]


def one_of_each(kind: Kind) -> list[str]:
    """The first copy of each service, and the gateway."""
    return [target for target in kind.targets if target.endswith(".1") or "." not in target]
