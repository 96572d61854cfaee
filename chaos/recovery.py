"""Does what was planned, and measures how long the system needs to work again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from chaos.faults import Fault
from chaos.history import FAULTS, History
from chaos.plan import Planned, Round
from chaos.system import BROKER, DATABASE, ChaosSystem

RECOVERY_SECONDS = 60.0
POLL_SECONDS = 0.1
IN_A_ROW = 2

# Seconds after the server's return by which errors must have ended. A fault of a server is healed when it has returned:
# when it takes work again, runs on, has room, or is unlocked.
TARGETS = {BROKER: 10.0, DATABASE: 5.0}


class Prober(Protocol):
    """Tries the whole system once."""

    def probe(self) -> bool:
        """Whether it works."""


@dataclass
class Done:
    """What became of a fault. Seconds count from the healing of the round's last fault.

    `last_failure` is when the last probe was asked that failed. That decides whether errors ended in time: a single
    answer that a busy machine keeps waiting until its deadline would else use up a target by itself.
    """

    fault: Fault
    number: int
    healed_at: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    recovered_after: float | None = None
    last_failure: float = 0.0
    in_company: bool = False

    @property
    def target(self) -> float | None:
        """How soon the system must have recovered from it, had it been alone."""
        return min((TARGETS[name] for name in self.fault.hits & TARGETS.keys()), default=None)

    @property
    def limit(self) -> float:
        """What is asked later than this must be answered: after a fault that came alone its target, if it has one."""
        return RECOVERY_SECONDS if self.in_company or self.target is None else self.target

    @property
    def is_violation(self) -> bool:
        """Whether it could not be healed, or the system did not recover from it in time."""
        is_late = self.recovered_after is None or self.last_failure > self.limit
        return self.error is not None or is_late


class Tormentor:
    """Injects rounds of faults, one round after the other."""

    def __init__(
        self,
        system: ChaosSystem,
        prober: Prober,
        history: History,
        told: Callable[[str], None],
    ) -> None:
        self._system = system
        self._prober = prober
        self._history = history
        self._told = told
        self.done: list[Done] = []

    def play(self, rounds: Iterable[Round], until: float = float("inf")) -> None:
        """All rounds, or those that begin before the monotonic clock says `until`; stops when one does not recover."""
        for planned in rounds:
            if time.monotonic() >= until:
                return
            if not self.play_round(planned):
                self._told("The system did not recover; the faults end here.")
                return

    def play_round(self, planned: Round) -> bool:
        """Injects, waits for all to be healed, then for recovery."""
        with ThreadPoolExecutor(len(planned)) as pool:
            done = list(pool.map(self._injected, planned))
        recovered_after, last_failure = self._recovered()
        for one in done:
            one.recovered_after = recovered_after
            one.last_failure = last_failure
            one.in_company = len(done) > 1
            self._note(one)
        self._told(line_of(done, recovered_after))
        self.done += done
        return recovered_after is not None

    def _injected(self, planned: Planned) -> Done:
        time.sleep(planned.lead)
        fault = planned.fault
        number = self._history.invoke(FAULTS, fault.kind.name, request=fault.request)
        done = Done(fault, number)
        try:
            done.notes = fault.run(self._system)
        except Exception as error:  # noqa: BLE001 - told in the report, and a violation
            done.error = f"{type(error).__name__}: {error}"
        done.healed_at = time.time()
        return done

    def _recovered(self) -> tuple[float | None, float]:
        """Seconds until probes are answered, None if they are not; and until the last that failed was asked."""
        began = time.monotonic()
        last_failure = 0.0
        in_a_row = 0
        first = began
        while time.monotonic() < began + RECOVERY_SECONDS:
            asked = time.monotonic()
            if self._prober.probe():
                first = first if in_a_row else asked
                in_a_row += 1
                if in_a_row >= IN_A_ROW:
                    return first - began, last_failure
            else:
                in_a_row = 0
                last_failure = asked - began
                time.sleep(POLL_SECONDS)
        return None, last_failure

    def _note(self, done: Done) -> None:
        self._history.end(
            done.number,
            "ok" if not done.is_violation else "failed",
            ended=done.healed_at,
            answer={
                **done.notes,
                "recovered_after": done.recovered_after,
                "alone": not done.in_company,
                "last_failure": done.last_failure,
                "limit": done.limit,
                "error": done.error,
            },
        )


def line_of(done: list[Done], recovered_after: float | None) -> str:
    """A round in a line, errors behind it."""
    names = " + ".join(str(one.fault) for one in done)
    seconds = "NOT RECOVERED" if recovered_after is None else f"{recovered_after:5.1f} s"
    errors = [f"\n    {one.fault}: {one.error}" for one in done if one.error]
    return f"{seconds}  {names}{''.join(errors)}"
