"""What the commands for operators share: the database that `DATABASE_URL` names, and how they take ids and fail."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from environs import Env

from chassis.addresses import address_setting
from chassis.config import sqlalchemy_url
from chassis.database import Database
from chassis.errors import ServiceError


@contextmanager
def operators_database() -> Iterator[Database]:
    """The database of the service, with one connection, as long as the command needs it."""
    url = address_setting(Env(), "DATABASE_URL", sqlalchemy_url)
    with closing(Database(url, service="operator", connections=1)) as database:
        yield database


def on_database(command: Callable[[Database], int]) -> int:
    """The exit status of a command on that database; 1, with the reason on stderr, when the database fails it."""
    try:
        with operators_database() as database:
            return command(database)
    except ServiceError as error:
        print(error.detail, file=sys.stderr)
        return 1


def is_id(text: str) -> bool:
    """Whether it is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
