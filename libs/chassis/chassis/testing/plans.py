"""How much PostgreSQL reads for a statement: what its time is made of, on every machine the same."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import sqlalchemy as sa

from chassis.config import sqlalchemy_url
from chassis.database import Database
from chassis.scope import scope_statement
from chassis.testing.servers import TestDatabase
from chassis.unit_of_work import UnitOfWork

OPENING = re.compile(r"^BEGIN; SELECT set_config\([^;]*\); ")


def rows_read(
    database: TestDatabase, organization_id: uuid.UUID, action: Callable[[UnitOfWork], Any]
) -> int:
    """How many rows of tables are read for the statements of `action`, as the service's own role; undone afterwards.

    Not for prepared statements, whose plans know no organization.
    """
    statements = statements_of(database, organization_id, action)
    connection = psycopg2.connect(database.application)
    try:
        with connection.cursor() as cursor:
            cursor.execute(scope_statement(organization_id))
            return sum(
                rows_of(scan)
                for statement, parameters in statements
                for scan in scans_of(explained(cursor, statement, parameters))
            )
    finally:
        connection.close()


def statements_of(
    database: TestDatabase, organization_id: uuid.UUID, action: Callable[[UnitOfWork], Any]
) -> list[tuple[str, Any]]:
    """What `action` sends, with its parameters."""
    service = Database(sqlalchemy_url(database.application), service="test")
    found: list[tuple[str, Any]] = []

    @sa.event.listens_for(service.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((OPENING.sub("", statement), parameters))

    try:
        with service.unit_of_work(organization_id) as uow:
            action(uow)
            return list(found)
    finally:
        service.close()


def explained(cursor: Any, statement: str, parameters: Any) -> dict[str, Any]:
    """The plan of a statement, which is run for it."""
    cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
    [[[answer]]] = cursor.fetchall()
    plan: dict[str, Any] = answer["Plan"]
    return plan


def scans_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes that read a table."""
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        yield plan
    for child in plan.get("Plans", []):
        yield from scans_of(child)


def rows_of(scan: dict[str, Any]) -> int:
    """How many rows a node read, those included that it then found to be of no use."""
    wasted = scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    return int((scan["Actual Rows"] + wasted) * scan["Actual Loops"])
