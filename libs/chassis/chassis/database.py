"""The database of one service and its unit of work.

A unit of work is one transaction for a state change, its events, its operation id and its inbox entry, confined to one
organization by row level security.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from psycopg2 import errorcodes
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Connection, CursorResult, Engine, Result
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import context, plumbing
from chassis.context import Operation
from chassis.errors import Conflict, Invalid, Unavailable
from chassis.events import Event

# Milliseconds. A statement must end before the caller's deadline; a transaction that forgets itself is ended.
SESSION_OPTIONS = (
    "-c statement_timeout=4000 -c lock_timeout=3000 "
    "-c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
)

CONTENTION_CODES = frozenset({errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE})
TIMEOUT_CODES = frozenset({errorcodes.QUERY_CANCELED, errorcodes.LOCK_NOT_AVAILABLE})


class System:
    """The scope of work that belongs to no single organization, such as the outbox relay."""


SYSTEM: Final = System()
Scope = uuid.UUID | System


class Contention(Exception):
    """Two transactions met; this one was rolled back and may simply be run again."""


class Database:
    """Connections to one service's database. `after_commit` is called when committed events wait to be sent."""

    def __init__(self, url: str, *, service: str, connections: int = 12) -> None:
        self.service = service
        self.after_commit: Callable[[], None] = lambda: None
        self.engine: Engine = sa.create_engine(
            url,
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

    @contextmanager
    def unit_of_work(self, scope: Scope) -> Iterator[UnitOfWork]:
        """One transaction, confined to an organization. Rolls back unless `commit` was called.

        Raises Unavailable when the database does not answer, Contention when the work may be run again.
        """
        with translated_errors():
            connection = self._begin(scope)
            uow = UnitOfWork(self, connection, scope)
            try:
                yield uow
            finally:
                uow.close()

    def _begin(self, scope: Scope) -> Connection:
        """Opens the transaction; its first statement also finds out whether the pooled connection still lives."""
        connection = self.engine.connect()
        try:
            set_scope(connection, scope)
        except DBAPIError as error:
            connection.close()
            if not error.connection_invalidated:
                raise
            self.engine.dispose()
            connection = self.engine.connect()
            set_scope(connection, scope)
        return connection

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
                self.engine.dispose()
                return self._one_shot(scope, sql, parameters)

    def _one_shot(self, scope: Scope, sql: str, parameters: dict[str, Any]) -> Any:
        name, value = scope_setting(scope)
        scoped = "SELECT set_config(%(_scope)s, %(_scope_value)s, true); " + sql
        with self._autocommit.connect() as connection:
            bound = {**parameters, "_scope": name, "_scope_value": value}
            return connection.exec_driver_sql(scoped, bound).all()

    @property
    def _autocommit(self) -> Engine:
        return self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def ping(self) -> None:
        """Returns when the database answers; Unavailable otherwise."""
        with self.unit_of_work(SYSTEM):
            pass

    def close(self) -> None:
        """Closes the pooled connections."""
        self.engine.dispose()


def set_scope(connection: Connection, scope: Scope) -> None:
    """Tells row level security whose rows the transaction may see; nothing set means none."""
    name, value = scope_setting(scope)
    connection.exec_driver_sql(
        "SELECT set_config(%(name)s, %(value)s, true)", {"name": name, "value": value}
    )


def scope_setting(scope: Scope) -> tuple[str, str]:
    """The setting that the row level security policies read, and its value for `scope`."""
    if isinstance(scope, System):
        return "app.system", "on"
    return "app.organization_id", str(scope)


class UnitOfWork:
    """One open transaction. Reading needs no commit."""

    def __init__(self, database: Database, connection: Connection, scope: Scope) -> None:
        self._database = database
        self.connection = connection
        self.scope = scope
        self._has_events = False

    @property
    def organization_id(self) -> uuid.UUID:
        """The organization this transaction is confined to."""
        if isinstance(self.scope, System):
            raise LookupError("a system-wide unit of work belongs to no organization")
        return self.scope

    def execute(self, statement: Any, parameters: Any = None) -> Result[Any]:
        """Runs a SQLAlchemy Core statement."""
        return self.connection.execute(statement, parameters)

    def rows_of(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        """As `execute`, typed for statements whose `rowcount` matters."""
        return self.connection.execute(statement, parameters)

    def lock(self, *keys: str) -> None:
        """Takes transaction-level advisory locks, always in one order, so that no two callers can deadlock."""
        for key in sorted(set(keys)):
            self.connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", {"key": key}
            )

    def publish(
        self,
        name: str,
        *,
        subject: str,
        data: dict[str, Any],
        organization_id: uuid.UUID | None = None,
    ) -> Event:
        """Stores an event in this transaction; the relay sends it after the commit. `data` must be plain JSON.

        Order is kept per subject as far as writers of a subject serialize (lock its row first).
        """
        caller = context.current_or_none()
        event = Event(
            id=uuid.uuid4(),
            source=self._database.service,
            name=name,
            time=datetime.now(UTC),
            subject=subject,
            organization_id=organization_id or self.organization_id,
            data=data,
            traceparent=caller.traceparent if caller else "",
        )
        self.connection.execute(
            plumbing.outbox.insert(),
            {
                "event_id": event.id,
                "organization_id": event.organization_id,
                "name": name,
                "subject": subject,
                "body": event.encode(),
            },
        )
        self._has_events = True
        return event

    def is_first_delivery(self, event: Event, handler: str) -> bool:
        """Notes that `handler` applies this event now. False when it already did: then do nothing."""
        statement = plumbing.insert_inbox_entry
        result = self.rows_of(statement, {"event_id": event.id, "handler": handler})
        return result.rowcount == 1

    def replay(self, operation: Operation) -> Any | None:
        """The stored result if `operation` was done before, else None. Call it before anything else.

        Raises Invalid `idempotency.key_reused` for other arguments under the same id, and Conflict
        `idempotency.in_progress` while the first is still running.
        """
        row = self.connection.execute(
            plumbing.find_operation, {"id": operation.id, "key": str(operation.id)}
        ).one()
        if not row.locked:
            raise Conflict("idempotency.in_progress", "The first request with this key still runs.")
        if row.fingerprint is None:
            return None
        if row.fingerprint != operation.fingerprint:
            raise Invalid(
                "idempotency.key_reused", "This Idempotency-Key was used with another request."
            )
        if caller := context.current_or_none():
            caller.replayed = True
        return row.result["value"]

    def record(self, operation: Operation, result: Any) -> None:
        """Stores an operation's result (plain JSON) in this transaction, for `replay`."""
        scope = None if isinstance(self.scope, System) else self.scope
        self.connection.execute(
            plumbing.operations.insert(),
            {
                "id": operation.id,
                "organization_id": scope,
                "fingerprint": operation.fingerprint,
                "result": {"value": result},
            },
        )

    def commit(self) -> None:
        """Makes it all stand."""
        self.connection.commit()
        if self._has_events:
            self._database.after_commit()

    def close(self) -> None:
        """Gives the connection back; what was not committed is undone."""
        self.connection.close()


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


@sa_event.listens_for(Engine, "handle_error")
def _invalidate_after_timeout(error_context: Any) -> None:
    """An eventlet timeout inside a query leaves the connection in the middle of a command: throw it away."""
    if not isinstance(error_context.original_exception, Exception):
        error_context.invalidate_pool_on_disconnect = False
        error_context.is_disconnect = True
