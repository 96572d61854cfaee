"""`python -m identity_service mails`: looks after mails that wait or could not be sent.

mails status           how many wait and failed; 1 when some failed
mails failed           those that were given up, with the reason
mails waiting          those that wait, with the reason they were put off
mails retry ID|all     tries failed mails again; what was sent is never sent again by this

`DATABASE_URL` names identity's database. Nothing shown names a person or an address.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from typing import Any

from chassis.database import Database
from chassis.operators import is_id, on_database
from identity_service.storage import mails

SHOWN = 200


def main(arguments: Sequence[str]) -> int:
    """Runs one of the commands; 2 with the usage when there is none like it."""
    match list(arguments):
        case ["status"]:
            return on_database(status)
        case [("failed" | "waiting") as which]:
            return on_database(lambda database: show(database, which))
        case ["retry", "all"]:
            return on_database(lambda database: retry(database, None))
        case ["retry", text] if is_id(text):
            return on_database(lambda database: retry(database, uuid.UUID(text)))
    print(__doc__, file=sys.stderr)
    return 2


def status(database: Database) -> int:
    """Prints the counts."""
    found = mails.counts(database)
    print(f"waiting: {found.waiting}, oldest: {found.oldest:.0f} s, failed: {found.failed}")
    return 1 if found.failed else 0


def show(database: Database, which: str) -> int:
    """Prints a line for each."""
    rows = mails.listed(database, which, SHOWN + 1)
    for row in rows[:SHOWN]:
        print(line(row))
    if len(rows) > SHOWN:
        print("... and more")
    return 0


def line(row: Any) -> str:
    """One mail."""
    return (
        f"{row.id}  {row.kind}  organization {row.organization_id}  person {row.user_id}  "
        f"{row.attempts} attempts  since {row.created_at.isoformat(timespec='seconds')}  {row.reason or ''}"
    ).rstrip()


def retry(database: Database, mail_id: uuid.UUID | None) -> int:
    """Lets failed ones be tried again; 1 when there was none."""
    count = mails.send_again(database, mail_id)
    print(f"{count} to be tried again")
    return 0 if count else 1
