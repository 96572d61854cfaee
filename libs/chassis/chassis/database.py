"""The database of one service and its unit of work.

A unit of work is one transaction for a state change, its events, its operation id and its inbox entry, confined to one
organization by row level security.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import sqlalchemy as sa
from psycopg2 import errorcodes
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import plumbing
from chassis.errors import Unavailable
from chassis.prepared import Prepared, rows_of
from chassis.scope import SYSTEM, Scope, scope_statement
from chassis.unit_of_work import TookTooLong, UnitOfWork

__all__ = ["SYSTEM", "Contention", "Database", "TookTooLong", "UnitOfWork", "constraint_of"]

# Milliseconds. A statement must end before the caller's deadline; a transaction that forgets itself is ended. Compiling
# costs more than any of our short statements.
SESSION_OPTIONS = (
    "-c statement_timeout=4000 -c lock_timeout=3000 -c jit=off "
    "-c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
)

CONTENTION_CODES = frozenset({errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE})
# A server that was the primary once, or is about to be no more.
READ_ONLY_CODES = frozenset({errorcodes.READ_ONLY_SQL_TRANSACTION})
# What PostgreSQL, from version 14 on, reports of itself when it changes.
READ_ONLY_SIGNS = ("in_hot_standby", "default_transaction_read_only")
TIMEOUT_CODES = frozenset({errorcodes.QUERY_CANCELED, errorcodes.LOCK_NOT_AVAILABLE})


class Contention(Exception):
    """Two transactions met; this one was rolled back and may simply be run again."""


class Database:
    """Connections to one service's database. `after_commit` is called when committed events wait to be sent."""

    def __init__(self, url: str, *, service: str, connections: int = 12) -> None:
        self.service = service
        self.after_commit: Callable[[], None] = lambda: None
        self.engine: Engine = sa.create_engine(
            url,
            # Transactions begin and end in the text of our own statements: see UnitOfWork.
            isolation_level="AUTOCOMMIT",
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            hide_parameters=True,  # names and messages of people must not get into logs with an error
            pool_size=connections,
            max_overflow=4,
            pool_timeout=3,
            pool_use_lifo=True,
            connect_args={
                "options": SESSION_OPTIONS,
                "connect_timeout": 3,
                "application_name": f"tandem-{service}",
                "keepalives_idle": 30,
                "tcp_user_timeout": 5000,
            },
        )
        if "target_session_attrs" in self.engine.url.query:
            sa_event.listen(self.engine, "checkout", refuse_read_only)

    @contextmanager
    def unit_of_work(self, scope: Scope) -> Iterator[UnitOfWork]:
        """One transaction, confined to an organization. Rolls back unless `commit` was called.

        Raises Unavailable when the database does not answer, Contention when the work may be run again.
        """
        with translated_errors(), self.engine.connect() as connection:
            uow = UnitOfWork(self, connection, scope)
            try:
                yield uow
            except DBAPIError as error:
                if error.connection_invalidated and not uow.has_begun:
                    # A pooled connection that died meanwhile; nothing was done yet, so a fresh one will do.
                    raise Contention from error
                raise
            finally:
                uow.close()

    def one_shot(self, scope: Scope, sql: str, parameters: dict[str, Any]) -> Any:
        """The rows of one SELECT in one round trip, confined to the scope. For the hottest reads.

        psycopg2 sends both statements as one simple query, which PostgreSQL runs as one transaction, so the tenant
        setting ends with it. `sql` uses psycopg2's %(name)s parameters.
        """
        with translated_errors():
            try:
                return self._one_shot(scope, sql, parameters)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._one_shot(scope, sql, parameters)

    def _one_shot(self, scope: Scope, sql: str, parameters: dict[str, Any]) -> Any:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(f"{scope_statement(scope)}; {sql}", parameters).all()

    def read(
        self, scope: Scope, statement: Prepared, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """As `one_shot`, for a statement that is worth preparing on each connection: a third of its cost."""
        with translated_errors():
            return rows_of(self.engine, scope, statement, parameters)

    def ping(self) -> None:
        """Returns when the database answers; Unavailable otherwise."""
        self.one_shot(SYSTEM, "SELECT 1", {})

    def close(self) -> None:
        """Closes the pooled connections."""
        self.engine.dispose()


@contextmanager
def translated_errors() -> Iterator[None]:
    """PostgreSQL's ways to fail, as ours. Integrity errors other than the operations' key pass through."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("database.busy", "The service is busy; try again.") from error
    except DBAPIError as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error


def translated(error: DBAPIError) -> Exception | None:
    """Our error for PostgreSQL's, or None for one that the caller must know about or that is a bug."""
    code = getattr(error.orig, "pgcode", None)
    if code in CONTENTION_CODES or is_operation_race(error):
        return Contention()
    if code in TIMEOUT_CODES:
        return Unavailable("database.timeout", "The database took too long.")
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return Unavailable("database.unavailable", "The database does not answer.")
    return None


def is_operation_race(error: DBAPIError) -> bool:
    """Whether another transaction stored the same operation since we looked."""
    return isinstance(error, IntegrityError) and constraint_of(error) == plumbing.OPERATIONS_KEY


def constraint_of(error: IntegrityError) -> str | None:
    """The name of the violated constraint."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def refuse_read_only(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    """Drops all pooled connections when one turns out to lead to a server that takes no writes any more."""
    if any(dbapi_connection.get_parameter_status(sign) == "on" for sign in READ_ONLY_SIGNS):
        raise InvalidatePoolError("the server has become read-only")


@sa_event.listens_for(Engine, "handle_error")
def _count_as_lost(error_context: Any) -> None:
    """Throws a connection away that is no use any more, though it still stands.

    A server that has become read-only takes all of its connections with it. An eventlet timeout inside a query leaves
    one in the middle of a command.
    """
    error = error_context.original_exception
    if getattr(error, "pgcode", None) in READ_ONLY_CODES:
        error_context.is_disconnect = True
    elif not isinstance(error, Exception):
        error_context.invalidate_pool_on_disconnect = False
        error_context.is_disconnect = True
