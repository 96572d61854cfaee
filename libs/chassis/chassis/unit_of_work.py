"""One transaction of a service: the state change, its events, its operation and its inbox entry.

Round trips are what a transaction costs, so its plumbing rides on the others' backs: BEGIN and the tenant setting are
sent in front of the first statement, events, operation and COMMIT together as the last.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
from psycopg2 import errorcodes
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Connection, CursorResult, Engine, Result
from sqlalchemy.exc import DBAPIError

from chassis import context, plumbing
from chassis.context import Operation
from chassis.decisions import was_done_before
from chassis.errors import Unavailable
from chassis.events import Event
from chassis.prepared import Prepared, run_in
from chassis.scope import Scope, System, scope_statement

if TYPE_CHECKING:
    from chassis.database import Database

PREAMBLE = "tandem_preamble"

# In PostgreSQL's warning, whose code says nothing. `prepare` sees to it that it is in English.
NOT_REPLICATED = "canceling wait for synchronous replication"


class TookTooLong(Exception):
    """A statement took longer than it is worth."""


class UnitOfWork:
    """One transaction, opened by its first statement. Reading needs no commit."""

    def __init__(self, database: Database, connection: Connection, scope: Scope) -> None:
        self._database = database
        self.connection = connection
        self.scope = scope
        self._events: list[Event] = []
        self._operation: tuple[Operation, Any] | None = None
        self._last_statements: list[tuple[str, Sequence[Any]]] = []
        self._is_committed = False
        self._info = connection.info
        self._info[PREAMBLE] = f"BEGIN; {scope_statement(scope)}; "

    @property
    def organization_id(self) -> uuid.UUID:
        """The organization this transaction is confined to."""
        if isinstance(self.scope, System):
            raise LookupError("a system-wide unit of work belongs to no organization")
        return self.scope

    @property
    def has_begun(self) -> bool:
        """Whether a statement got through."""
        return not self.connection.invalidated and PREAMBLE not in self._info

    def execute(self, statement: Any, parameters: Any = None) -> Result[Any]:
        """Runs a SQLAlchemy Core statement."""
        return self.connection.execute(statement, parameters)

    def run(self, statement: Prepared, parameters: Mapping[str, Any]) -> CursorResult[Any]:
        """Runs a statement that is worth planning once per connection."""
        return run_in(self.connection, statement, parameters)

    def rows_of(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        """As `execute`, typed for statements whose `rowcount` matters."""
        return self.connection.execute(statement, parameters)

    def cursor(self) -> Any:
        """A psycopg2 cursor inside this transaction, for `execute_values`."""
        preamble = self._info.pop(PREAMBLE, None)
        cursor = self.connection.connection.cursor()
        if preamble is not None:
            cursor.execute(preamble)
        return cursor

    def lock(self, *keys: str) -> None:
        """Takes transaction-level advisory locks in one order for all callers, so that no two can deadlock."""
        self.connection.exec_driver_sql(plumbing.TAKE_LOCKS, {"keys": sorted(set(keys))})

    def publish(
        self,
        name: str,
        *,
        subject: str,
        data: dict[str, Any],
        organization_id: uuid.UUID | None = None,
    ) -> Event:
        """Stores an event with the commit; the relay sends it after that. `data` must be plain JSON.

        The event names the bound call's actor and address. Order is kept per subject as far as writers of a subject
        serialize (lock its row first).
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
            actor_id=caller.actor_id if caller else None,
            address=caller.address if caller else "",
        )
        self._events.append(event)
        return event

    def is_first_delivery(self, event: Event, handler: str) -> bool:
        """Notes that `handler` applies this event now. False when it already did: then do nothing."""
        parameters = {"event_id": str(event.id), "handler": handler}
        result = self.connection.exec_driver_sql(plumbing.INSERT_INBOX_ENTRY, parameters)
        return result.rowcount == 1

    @contextmanager
    def brief(self, seconds: float) -> Iterator[None]:
        """Lets the block's statements, which only read, take so long each.

        TookTooLong beyond that; the transaction goes on as if the block had not been.
        """
        self.connection.exec_driver_sql(
            f"SAVEPOINT brief; SET LOCAL statement_timeout = {round(seconds * 1000)}"
        )
        try:
            yield
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) != errorcodes.QUERY_CANCELED:
                raise
            raise TookTooLong from error
        finally:
            if self.has_begun:
                # The setting goes with it, also when all went well.
                self.connection.exec_driver_sql(
                    "ROLLBACK TO SAVEPOINT brief; RELEASE SAVEPOINT brief"
                )

    def replay(self, operation: Operation) -> Any | None:
        """The stored result if `operation` was done before, else None. Call it before anything else.

        Raises Invalid `idempotency.key_reused` for other arguments under the same id, and Conflict
        `idempotency.in_progress` while the first is still running.
        """
        wanted = {"id": str(operation.id), "organization_id": owner_of_operations(self.scope)}
        row = self.run(plumbing.FIND_OPERATION, wanted).one()
        if not was_done_before(
            is_free=row.locked, known=row.fingerprint, wanted=operation.fingerprint
        ):
            return None
        if caller := context.current_or_none():
            caller.replayed = True
        return row.result["value"]

    def record(self, operation: Operation, result: Any) -> None:
        """Stores an operation's result (plain JSON) with the commit, for `replay`."""
        self._operation = (operation, result)

    def at_commit(self, statement: str, *parameters: Any) -> None:
        """Runs a statement in the commit's round trip. It uses psycopg2's positional `%s`; its result is not seen."""
        self._last_statements.append((statement, parameters))

    def commit(self) -> None:
        """Makes it all stand. Unavailable, and nothing stands, if the caller's deadline has passed meanwhile."""
        if caller := context.current_or_none():
            caller.seconds_left()
        closing = [*self._last_statements, *self._plumbing_statements(), ("COMMIT", ())]
        text = "; ".join(statement for statement, _ in closing)
        parameters = tuple(chain.from_iterable(parameters for _, parameters in closing))
        self.connection.exec_driver_sql(text, parameters)
        self._is_committed = True
        self._check_replication()
        if self._events:
            self._database.after_commit()

    def _check_replication(self) -> None:
        """Unavailable when PostgreSQL gave up waiting for its synchronous replica, though it calls that committed.

        It stands on the primary and would be lost with it: the caller must ask again, and finds it if it stands.
        """
        notices = getattr(self.connection.connection.dbapi_connection, "notices", None)
        if notices and any(NOT_REPLICATED in notice for notice in notices):
            notices.clear()
            raise Unavailable("database.not_replicated", "The database's replica does not answer.")

    def _plumbing_statements(self) -> Iterator[tuple[str, Sequence[Any]]]:
        if self._events:
            rows = chain.from_iterable(outbox_row(event) for event in self._events)
            yield plumbing.insert_events(len(self._events)), tuple(rows)
        if self._operation is not None:
            yield plumbing.INSERT_OPERATION, operation_row(*self._operation, self.scope)

    def close(self) -> None:
        """Undoes what was not committed."""
        if self._is_committed or not self.has_begun:
            self._info.pop(PREAMBLE, None)
            return
        try:
            self.connection.exec_driver_sql("ROLLBACK")
        except DBAPIError:
            # Whatever state it is in, it must not go back to the pool.
            self.connection.invalidate()


def outbox_row(event: Event) -> Sequence[Any]:
    """The parameters of one row for `plumbing.insert_events`."""
    return (
        str(event.id),
        str(event.organization_id),
        event.name,
        event.subject,
        event.encode(),
    )


def owner_of_operations(scope: Scope) -> str | None:
    """Whose operations a transaction stores and finds again: its organization's, or nobody's."""
    return None if isinstance(scope, System) else str(scope)


def operation_row(operation: Operation, result: Any, scope: Scope) -> Sequence[Any]:
    """The parameters for `plumbing.INSERT_OPERATION`."""
    return (
        str(operation.id),
        owner_of_operations(scope),
        operation.fingerprint,
        orjson.dumps({"value": result}).decode(),
    )


@sa_event.listens_for(Engine, "before_cursor_execute", retval=True)
def open_transaction(
    connection: Connection,
    cursor: Any,
    statement: str,
    parameters: Any,
    _context: Any,
    executemany: bool,
) -> tuple[str, Any]:
    """Sends BEGIN and the tenant setting in front of a unit of work's first statement, in the same round trip."""
    preamble = connection.info.pop(PREAMBLE, None)
    if preamble is None:
        return statement, parameters
    if executemany:
        cursor.execute(preamble)
        return statement, parameters
    return preamble + statement, parameters
