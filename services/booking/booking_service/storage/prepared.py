"""Statements that PostgreSQL plans once per connection instead of once per call.

For the few on the hottest path: planning the statement that books costs three times as much as running it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import CursorResult

from chassis.database import UnitOfWork

# Left to itself PostgreSQL plans such statements anew each time once a table has grown, because the costs it guesses
# without knowing the values are higher; and a plan from when the table was tiny would read all of it until the next
# ANALYZE. These statements only ever look up by index.
BY_ONE_PLAN = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; "
PLACEHOLDER = re.compile(r"(?<!:):([a-z_]+)")


@dataclass(frozen=True)
class Prepared:
    """A statement with `:name` parameters, each of the type that `types` says.

    `before` runs in front of it in the same round trip, each time; its parameters are psycopg2's `%(name)s`.
    """

    name: str
    types: Mapping[str, str]
    statement: str
    before: str = ""
    definition: str = field(init=False)
    call: str = field(init=False)

    def __post_init__(self) -> None:
        order = list(self.types)
        numbered = PLACEHOLDER.sub(lambda m: f"${order.index(m[1]) + 1}", self.statement)
        kinds = ", ".join(self.types.values())
        values = ", ".join(f"%({name})s" for name in order)
        # Driver-level text, where a per cent sign must be doubled.
        numbered = numbered.replace("%", "%%")
        object.__setattr__(self, "definition", f"PREPARE {self.name} ({kinds}) AS {numbered}")
        object.__setattr__(
            self, "call", f"{self.before}{BY_ONE_PLAN}EXECUTE {self.name} ({values})"
        )

    def run(self, uow: UnitOfWork, parameters: Mapping[str, Any]) -> CursorResult[Any]:
        """Runs it in the transaction. UUIDs must be given as text."""
        # What SQLAlchemy keeps beside the connection lives and dies with it, as prepared statements do.
        known = uow.connection.info.setdefault("prepared", set())
        if self.name not in known:
            uow.connection.exec_driver_sql(self.definition, {})
            known.add(self.name)
        return uow.connection.exec_driver_sql(self.call, dict(parameters))
