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
from contextlib import closing
from typing import Any

from environs import Env

from chassis.config import sqlalchemy_url
from chassis.database import Database
from chassis.errors import Unavailable
from identity_service.storage import mails

SHOWN = 200


def main(arguments: Sequence[str]) -> int:
    """Runs one of the commands; 2 with the usage when there is none like it."""
    try:
        with closing(open_database()) as database:
            match list(arguments):
                case ["status"]:
                    return status(database)
                case [("failed" | "waiting") as which]:
                    return show(database, which)
                case ["retry", which] if which == "all" or is_id(which):
                    return retry(database, None if which == "all" else uuid.UUID(which))
    except Unavailable as error:
        print(error.detail, file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


def open_database() -> Database:
    """Identity's database."""
    url = sqlalchemy_url(Env().str("DATABASE_URL"))
    return Database(url, service="operator", connections=1)


def is_id(text: str) -> bool:
    """Whether it is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


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
