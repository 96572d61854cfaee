"""Finds out whether assignments that follow from a request are active, for as long as its caller wants to wait."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request

from chassis import context
from gateway import rpc
from gateway.parts import parts
from gateway.waiting import Expectation, Pair

WAIT_SECONDS = 2.0
LONGEST_WAIT = 10
# Most events arrive within this; asking earlier would only make work.
PATIENCE_SECONDS = 0.04
ANSWER_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.3
# What is left for answering after the wait.
MARGIN_SECONDS = 0.25

WAIT = re.compile(r"\s*wait\s*=\s*\"?(\d{1,9})\"?\s*", re.ASCII | re.IGNORECASE)


def preferred_wait() -> int | None:
    """The seconds of `Prefer: wait=N` (RFC 7240), at most 10; None without it."""
    for preference in request.headers.get("Prefer", "").split(","):
        if match := WAIT.fullmatch(preference.partition(";")[0]):
            return min(int(match[1]), LONGEST_WAIT)
    return None


def applied(preference: int | None) -> dict[str, str]:
    """The header that says that the preference was heeded."""
    return {} if preference is None else {"Preference-Applied": f"wait={preference}"}


def settle(expectation: Expectation, *, likely: bool, seconds: float) -> Mapping[Pair, str]:
    """The ids of the assignments that are active, after at most about `seconds`.

    `likely` says that they may be active without a new event, so that asking first is right. Never raises because
    something does not answer.
    """
    give_up = time.monotonic() + allowed(seconds)
    first = 0.0 if likely else min(PATIENCE_SECONDS, seconds)
    parts().arrivals.registry.recall(expectation)
    if expectation.is_complete:
        return expectation.seen
    with parts().arrivals.place() as may_wait:
        if may_wait:
            watch(expectation, first, give_up)
        else:
            ask(expectation, PATIENCE_SECONDS)
    return expectation.seen


def watch(expectation: Expectation, first: float, give_up: float) -> None:
    """Waits for the event and asks now and then, first after `first` seconds, until the monotonic time `give_up`.

    The event is quicker than asking, but one for an assignment that was there before never comes, and one may be missed
    while the connection is lost.
    """
    pause = FIRST_PAUSE_SECONDS
    if expectation.wait(first):
        return
    while True:
        left = give_up - time.monotonic()
        ask(expectation, min(ANSWER_SECONDS, max(left, PATIENCE_SECONDS)))
        left = give_up - time.monotonic()
        if expectation.wait(min(pause, left)) or left <= 0:
            return
        pause *= 2


def allowed(seconds: float) -> float:
    """How long the wait may be. A caller who asks for more than the usual deadline gets it: the work is done."""
    call = context.current()
    if seconds > WAIT_SECONDS:
        call.deadline = max(call.deadline, time.time() + seconds + MARGIN_SECONDS)
    return max(0.0, min(seconds, call.deadline - time.time() - MARGIN_SECONDS))


def ask(expectation: Expectation, seconds: float) -> None:
    """Asks the assignment service about the pairs not seen yet."""
    missing = [pair for pair in expectation.pairs if pair not in expectation.seen]
    for pair, decision in zip(missing, decisions(missing, seconds), strict=False):
        if decision["allowed"] and decision["assignment_id"]:
            parts().arrivals.registry.learn(pair, decision["assignment_id"])


def decisions(pairs: list[Pair], seconds: float) -> Iterable[dict[str, Any]]:
    """The assignment service's decisions in the pairs' order; none if it does not answer."""
    named = [{"instructor_id": p.instructor_id, "student_id": p.student_id} for p in pairs]
    if len(named) == 1:
        decision = rpc.attempt("assignment", "authorize", seconds=seconds, **named[0])
        return [decision] if decision else []
    found = rpc.attempt("assignment", "authorize_many", seconds=seconds, pairs=named)
    return found["results"] if found else []
