"""One run from the first sign-up to the verdict."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import chain
from pathlib import Path

from chaos.checker import violations
from chaos.clients import Crowd
from chaos.faults import KINDS, Kind
from chaos.final import FINAL_FILE, collect
from chaos.history import HISTORY_FILE, History, read
from chaos.plan import each_once, mixtures
from chaos.recovery import TARGETS, Tormentor
from chaos.report import figures_of, table_of
from chaos.system import ChaosSystem
from local_runner.supervisor import Supervisor

QUIET_SECONDS = 60.0
MOST_SHOWN = 30


class Run:
    """What `bin/chaos` does to one system, and finds."""

    def __init__(self, system: ChaosSystem, folder: Path, options: argparse.Namespace) -> None:
        self._system = system
        self._folder = folder
        self._options = options
        self._began = time.monotonic()

    def beside(self, supervisor: Supervisor, work: Callable[[], int]) -> int:
        """Does the work in another thread, which a Ctrl-C leaves alone, while this one looks after the processes."""
        done: Future[int] = Future()
        threading.Thread(target=fulfil, args=(done, work), name="run", daemon=True).start()
        supervisor.wait_for(done.done, float("inf"), "the run")
        return done.result()

    def drive(self) -> int:
        """1 when something was violated."""
        with History(self._folder / HISTORY_FILE) as history:
            crowd = Crowd(self._system.url, history, self._options.seed)
            crowd.set_up()
            crowd.start()
            tormentor = Tormentor(self._system, crowd, history, self._say)
            self._torment(tormentor)
            crowd.stop()
            unsettled = crowd.settle()
            self._say("All is healed; waiting until nothing is on its way ...")
            final = collect(self._system, QUIET_SECONDS)
            final.write(self._folder / FINAL_FILE)
        found = [
            *([f"{unsettled} requests were never answered"] if unsettled else []),
            *map(str, violations(read(self._folder / HISTORY_FILE), final)),
        ]
        self._tell(found)
        if any(one.is_violation for one in tormentor.done):
            print(self._system.last_words())
        return 1 if found else 0

    def _torment(self, tormentor: Tormentor) -> None:
        wanted = [KINDS[name] for name in self._options.faults]
        kinds = [kind for kind in wanted if kind.available(self._system)]
        for kind in wanted:
            if kind not in kinds:
                self._say(f"{kind.name}: not available here")
        if self._options.each_once:
            tormentor.play(each_once(self._options.seed, kinds))
        else:
            until = time.monotonic() + 60 * self._options.minutes
            tormentor.play(mixtures(self._options.seed, kinds), until)

    def _tell(self, found: list[str]) -> None:
        entries = read(self._folder / HISTORY_FILE)
        for line in chain(["", *figures_of(entries), ""], table_of(entries, targets())):
            print(line)
        print(f"\n{len(found)} violations", flush=True)
        for violation in found[:MOST_SHOWN]:
            print(f"  {violation}", flush=True)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", flush=True)


def fulfil(done: Future[int], work: Callable[[], int]) -> None:
    """Does the work; its result or its error becomes the future's."""
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised where the future is asked
        done.set_exception(error)


def targets() -> dict[str, float]:
    """By kind, how soon after the return of the server that it hits errors must have ended."""
    return {name: target for name, kind in KINDS.items() if (target := target_of(kind)) is not None}


def target_of(kind: Kind) -> float | None:
    """None for a kind that leaves both servers alone."""
    hit = {name for target in kind.targets for name in kind.hits(target)}
    return min((TARGETS[name] for name in hit & TARGETS.keys()), default=None)
