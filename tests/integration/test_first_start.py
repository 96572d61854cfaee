"""A service that starts later than all others finds what happened before it was there.

This module's name comes before those of the others that mistreat a system: theirs is started here for the first time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from .client import expect, session, sign_up
from .system import RunningSystem
from .test_outages import (
    LIMIT_SECONDS,
    assert_assigned_once,
    assert_unavailable_in_time,
    needs_the_decision,
)

NO_ASSIGNMENT_SERVICE = ("--scale", "assignment=0")


def test_bookings_made_before_the_assignment_service_was_ever_started_assign_later(
    mistreated_system: RunningSystem,
) -> None:
    mistreated_system.run_with(*NO_ASSIGNMENT_SERVICE)
    organization = sign_up(mistreated_system.url)
    pairs = [organization.pair(can_sign_in=number == 0) for number in range(5)]
    bodies = [session(*pair, number) for number, pair in enumerate(pairs)]
    with ThreadPoolExecutor(len(pairs)) as pool:
        for answer in pool.map(lambda body: organization.admin.post("/sessions", body), bodies):
            assert expect(201, answer)["assignment"]["status"] == "pending"
            assert answer.seconds < LIMIT_SECONDS
        calls = needs_the_decision(*pairs[0])
        for answer in pool.map(lambda call: call(), calls):
            assert_unavailable_in_time(answer)

    mistreated_system.run_with()
    organization.url = mistreated_system.url
    assert_assigned_once(organization, pairs)
