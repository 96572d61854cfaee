"""What waits in a service's outbox, for an operator: how much, since when, and what fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from chassis.database import SYSTEM, Database
from chassis.operators import on_database

USAGE = """usage: python -m chassis outbox status|retry
       python -m chassis outbox skip ID
       python -m chassis outbox replay --help
DATABASE_URL names the service's database."""
SHOWN = 50

SUMMARY = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0),
           count(*) FILTER (WHERE attempts > 0),
           count(*) FILTER (WHERE attempts = 0 AND due_at > now())
      FROM outbox WHERE sent_at IS NULL
"""
FAILING = """
    SELECT event_id, name, subject, attempts, last_error, created_at, due_at
      FROM outbox WHERE sent_at IS NULL AND attempts > 0 ORDER BY id LIMIT %(shown)s
"""


def main(arguments: Sequence[str]) -> int:
    """Prints the state; 1 when an event fails to be sent or the database does not answer."""
    if list(arguments) != ["status"]:
        print(USAGE, file=sys.stderr)
        return 2
    return on_database(report)


def report(database: Database) -> int:
    """As `main`, on an open database."""
    unsent, age, failing, behind = database.one_shot(SYSTEM, SUMMARY, {})[0]
    print(
        f"unsent: {unsent}, oldest: {float(age):.0f} s, failing: {failing}, behind them: {behind}"
    )
    for row in database.one_shot(SYSTEM, FAILING, {"shown": SHOWN}):
        print(line(row))
    if failing > SHOWN:
        print(f"... and {failing - SHOWN} more")
    return 1 if failing else 0


def line(row: Any) -> str:
    """One event that the broker would not take."""
    due = row.due_at.isoformat(timespec="seconds")
    return (
        f"{row.event_id}  {row.name}  {row.subject}  {row.attempts} attempts  {row.last_error}  "
        f"since {row.created_at.isoformat(timespec='seconds')}  next {due}"
    )
